// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

#include <cstddef>

/// What becomes of open sockets whose backend may not have them.
namespace reseat::lb {

/// `connections.on_*` for this kind of failure.
SocketFate fate_of(const Connections& connections, ProbeOutcome evidence);

/// Judges the current life of a backend, which it has: sets the clocks of a new fate; the same fate again
/// leaves them running, and a life whose end has come stays fallen.
///
/// - A backend that is down or ejected has its sockets judged by the evidence, one that the operator took
///   away by on_drain, one that left the configuration by on_remove, one that its source calls leaving or
///   unready by on_leaving or on_unready, one that a policy denies by that policy.
///   The harshest counts. Weight 0 alone only keeps new sockets away.
/// - `used`: it serves new connections in spite of that. Then it is spared draining, as there is nowhere to
///   go; a verdict that terminates ends its life all the same, once.
void decide_fate(ServiceState& state, std::size_t backend, bool used, TimePoint now);

/// on_recover: its sockets are to follow to a backend of a lower priority number.
void supersede(Life& life, TimePoint now);

}  // namespace reseat::lb
