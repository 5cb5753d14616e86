// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

#include <cstddef>

/// What happens to a service, folded into its state; the next plan acts on it.
namespace reseat::lb {

/// A verdict that ends sockets without grace remains even if the recovery is folded into the same plan.
/// `held_until`: our own network is suspected; no socket is ended for this verdict before.
void on_verdict(ServiceState& state, std::size_t backend, const HealthEvent& event, TimePoint now,
                std::optional<TimePoint> held_until = std::nullopt);

/// Our own network works: sockets that are still held are judged anew.
void on_network_cleared(ServiceState& state, std::size_t backend, TimePoint now);

/// The backend's host does not know a connection any more that was opened at `opened`: nor does it those of
/// lives that had begun by then.
void on_restart(ServiceState& state, std::size_t backend, TimePoint opened, TimePoint now);

/// The operator sets the state of a backend.
void on_operator(ServiceState& state, std::size_t backend, OperatorState operator_state);

/// The operator gives it another weight.
void on_weight(ServiceState& state, std::size_t backend, unsigned weight);

/// Outlier detection ejects the backend, or takes it back.
void on_ejection(ServiceState& state, std::size_t backend, bool ejected);

/// The operator has its sockets ended now, alternative or not; it stays in use. Returns the lives concerned.
std::vector<LifeId> on_termination(ServiceState& state, std::size_t backend, TimePoint now);

/// A look for idle sockets of a draining life is over: the next one comes after a quarter of `drain_quiet`,
/// but not before 50 ms and nine times what this one took. True when that is sooner than it was planned.
bool on_quiet_look(ServiceState& state, std::size_t backend, LifeId life, Duration took, TimePoint now);

/// Policies as they are now. True when that changes anything for this service.
bool on_policies(ServiceState& state, const std::vector<AccessPolicy>& policies);

/// After a plan was refused by the data plane, perhaps half carried out: `state` stays as it was, except that
/// the lives that `planned` began keep their ids for the next attempt, that tables which it changed are to be
/// published again whatever they are then, and that lives are retired only after another check.
void on_refused(ServiceState& state, const ServiceState& planned);

}  // namespace reseat::lb
