// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller.hpp"
#include "lb/control/order_runner.hpp"
#include "lb/control/service_state.hpp"

#include <optional>
#include <string>
#include <vector>

namespace reseat::lb {

/// What people want to know of a backend and the decisions do not.
struct BackendNews {
    CheckStatus check;
    bool checked = false;
    std::string reason;
    std::string down_reason;  ///< of the last down verdict
    std::chrono::system_clock::time_point since{};
    std::uint64_t retired_connects = 0;  ///< connects of lives that are forgotten
};

/// A service as the controller keeps it.
struct TrackedService {
    ServiceState state;
    std::vector<BackendNews> news;
    bool dirty = true;              ///< something happened: decide
    std::optional<TimePoint> next;  ///< decide then, though nothing happened
    std::optional<Failover> last_failover;
    LifeId last_failover_life = 0;
};

TrackedService track(const Service& service, ServiceId id);

/// Notes what became of the sockets of `life`; a retry adds to the failover that it belongs to.
void note_failover(TrackedService& service, std::size_t backend, LifeId life,
                   const TerminationReport& report);

ServiceStatus status_of(const TrackedService& service, const DataPlane& plane, const OrderRunner& runner);

}  // namespace reseat::lb
