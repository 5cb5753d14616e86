// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"
#include "lb/health/checker.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reseat::lb {

/// `down` and `up` are health's; the others win over it, in the order drain/maint by the operator.
enum class BackendState { up, down, unchecked, ejected, drain, maint, removing };
std::string_view to_string(BackendState state);

struct BackendStatus {
    Backend backend;
    BackendState state = BackendState::unchecked;
    std::string reason;
    std::chrono::system_clock::time_point since{};
    unsigned effective_weight = 0;
    std::uint64_t open_sockets = 0;  ///< over all lives of this backend
    std::uint64_t connects_total = 0;
    CheckStatus check;
};

struct Failover {
    std::chrono::system_clock::time_point at{};
    std::string backend;
    std::string reason;
    TerminationReport report;
};

struct ServiceStatus {
    const Service* service = nullptr;
    unsigned eligible = 0;
    bool panic = false;
    std::uint64_t open_sockets = 0;
    std::uint64_t waiting = 0;  ///< sockets spared because there was no alternative, to be judged again
    std::uint64_t stuck = 0;    ///< sockets that could not be ended
    std::optional<Failover> last_failover;
    std::vector<BackendStatus> backends;
};

/// The only writer of the data plane: hears of health, decides with the pure parts (plan.hpp), publishes,
/// then has sockets ended. Events that arrive in one turn of the loop become one plan. Publishing never
/// waits for sockets being ended.
class Controller {
public:
    Controller(asio::any_io_executor executor, DataPlane& plane, std::vector<Service> services);
    ~Controller();

    /// Programs all services: backends `unchecked`. Call once, before the first on_check.
    Result<void> start();

    /// `service` and `backend` are positions in the constructor's list.
    void on_check(std::size_t service, std::size_t backend, const CheckStatus& status,
                  const std::optional<HealthEvent>& event);

    /// True once each backend that has a health check was checked once.
    bool first_round_over() const;
    std::vector<ServiceStatus> status() const;

    /// Asynchronous: sockets that connected to `life` while it was being condemned.
    void on_raced_connect(LifeId life);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace reseat::lb
