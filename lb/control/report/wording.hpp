// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/orders.hpp"
#include "lb/control/report/event.hpp"
#include "lb/control/report/status.hpp"
#include "lb/control/report/transition.hpp"
#include "lb/control/run/network_suspicion.hpp"

#include <set>
#include <string>
#include <vector>

/// The texts of log lines and events.
namespace reseat::lb {

/// "postgres/pg-1", "dns/local (udp)"
std::string subject(const ServiceState& state, std::size_t backend);

/// "postgres/pg-1 is DOWN: no answer within 1s (3/3), 2 of 3 backends left",
/// "postgres/pg-1 is EJECTED: 5 connects in a row refused, for 30s (ejection 1), 2 of 3 backends left",
/// "postgres/pg-1 is UP: connected (2/2), 3 of 3 backends up" or
/// "postgres/pg-1 is set to DRAIN: 2 of 3 backends left".
Event headline(const ServiceState& state, std::size_t backend, const Transition& transition);

/// "postgres/pg-1 has weight 5 (was 1), set by the operator: 3 of 3 backends up". With weight 0 also what
/// becomes of its `open` sockets.
Event reweighted(const ServiceState& state, std::size_t backend, unsigned before, std::uint64_t open);

/// What the operator set in a previous process, as far as it still applies: "postgres/pg-1 is still set
/// to DRAIN, by the operator before reseat started", "postgres/pg-1 still has weight 5 (configured: 1), ...".
std::vector<Event> still_standing(const ServiceState& state);

/// Its sockets are ended: what follows says how. "postgres/pg-1: drain timed out".
Event ending(const ServiceState& state, std::size_t backend, const std::string& because);

/// "12 sockets terminated, 0 re-pointed in 0.9 ms", and what went wrong; or "no socket was open".
std::string describe(const TerminationReport& report);

/// What becomes of the sockets of a backend that is down, where no order was given: "draining, 5 sockets
/// open". Empty when there is nothing to say. `open` counts those of the life that the verdict met.
std::string aftermath(const ServiceState& state, std::size_t backend, std::uint64_t open);

/// "3 sockets that were spared stay", as their backend is back.
std::string spared_kept(std::uint64_t open);

/// Said of an order that no transition of the same moment explains: "drain timed out", "dns/local is in
/// again"; empty for a verdict.
std::string because(const ServiceState& state, const DueOrder& due);

/// "postgres/pg-1: its host answered a keepalive probe with a reset: ..."
Event restarted(const ServiceState& state, std::size_t backend);

/// One for each family that has just lost its last eligible backend, or so many that it panics: what serves
/// it now.
std::vector<Event> losses(const ServiceState& before, const ServiceState& after);
/// One for each family that is not in panic any more.
std::vector<Event> ends_of_panic(const ServiceState& before, const ServiceState& after);

/// "postgres/pg-1 cannot be checked: ...", or "postgres/pg-1 and 2 more backends cannot be checked: ...".
Event cannot_be_checked(const Service& service, const std::set<std::string>& backends,
                        const std::string& why);

/// "no backend on another machine answers any more (5 services, 3 machines or more): ..."
Event suspect_network(const NetworkSuspicion& suspicion);
/// "postgres/pg-1 answers: our own network is not the culprit, ..."
Event network_cleared(const ServiceState& state, std::size_t backend);

}  // namespace reseat::lb
