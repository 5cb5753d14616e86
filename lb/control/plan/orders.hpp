// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

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

struct DueOrders {
    std::vector<DueOrder> orders;
    std::vector<LifeId> retire;
    std::optional<TimePoint> next;  ///< the next clock that runs out
};

/// Gives the orders of all lives of a service that are due, and drops lives that are vacated.
/// `only_if_alternative` withholds orders (`Life::waiting`) until the family has an eligible backend; it
/// means nothing for a service that left the configuration, where none can come. What would be re-pointed
/// there is terminated.
DueOrders give_orders(ServiceState& state, TimePoint now);

/// A connect raced the end of this life, condemned or draining: the order that takes it as well, if one was
/// given before.
std::optional<ReseatOrder> order_again(const ServiceState& state, std::size_t backend, LifeId life);

}  // namespace reseat::lb
