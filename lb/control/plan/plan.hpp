// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/orders.hpp"
#include "lb/control/plan/service_state.hpp"

#include <optional>
#include <vector>

namespace reseat::lb {

/// What is to be done now for one service, and what is true once it is done.
struct Decision {
    ServiceState after;
    Plan plan;
    std::vector<DueOrder> orders;
    std::optional<TimePoint> next;  ///< decide again then, though nothing happened: a grace or a drain ends
};

/// Decides; touches nothing. The caller publishes `plan`, takes `after` as the new state if that succeeded,
/// and then has the `orders` run. Takes ids for new lives from `next_life`, which only grows.
///
/// - Tables: `choose` per family; weights as smooth_weighted has them; only those that changed.
/// - Open sockets: decided by `judge` (fate.hpp). With on_recover, lives that served are condemned when a
/// lower
///   priority number than theirs is in use.
/// - A life of a backend that is being removed ends when it is vacated.
/// - Orders: given by give_orders (orders.hpp).
Decision make_plan(const ServiceState& state, LifeId& next_life, TimePoint now);

/// `more` after `plan`, as one.
void append(Plan& plan, Plan more);

}  // namespace reseat::lb
