// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/service_state.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace reseat::lb {

/// Sockets to be ended or moved once the plan is published.
struct DueOrder {
    std::size_t backend = 0;
    EndCause cause = EndCause::verdict;
    ReseatOrder order;
};

/// What is to be done now for one service, and what is true once it is done.
struct Decision {
    ServiceState after;
    Plan plan;
    std::vector<DueOrder> orders;
    std::optional<TimePoint> next;  ///< decide again then, though nothing happened: a grace or a drain ends
};

/// Decides; touches nothing. The caller publishes `plan`, takes `after` as the new state if that succeeded,
/// and then has the `orders` carried out. Takes ids for new lives from `next_life`, which only grows.
///
/// - Tables: `choose` per family; weights as smooth_weighted has them; only those that changed.
/// - A backend that is down has its sockets judged by the evidence (fate_of); one that the operator took
///   away, or that has weight 0, by on_drain. One that fail_open still uses is spared draining, as there is
///   nowhere to go, but a verdict that terminates condemns its life: then a new one begins.
/// - `only_if_alternative` withholds orders (`Life::waiting`) until the family has an eligible backend.
Decision make_plan(const ServiceState& state, LifeId& next_life, TimePoint now);

/// `more` after `plan`, as one.
void append(Plan& plan, Plan more);

}  // namespace reseat::lb
