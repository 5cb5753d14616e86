// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/orders/order.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace reseat::bpf {

/// What the orders for lives are carried out with. Shared with workers, which may outlive everything else.
struct LifeTools {
    std::shared_ptr<const Programs> programs;
    std::shared_ptr<NetNamespaces> namespaces;
    std::string cgroup;             ///< where the workload's processes are
    std::function<void(int)> mark;  ///< exempts reseat's own sockets from balancing
    std::optional<Engine> only;     ///< the index or the owner records are to be left aside
};

/// Ends or re-points the sockets of lives.
class LifeOrders {
public:
    /// `executor` must outlive this.
    LifeOrders(OrderExecutor& executor, LifeTools tools)
        : executor_(executor), tools_(std::make_shared<const LifeTools>(std::move(tools))) {}

    /// See lb::DataPlane. `backend`: the life's element in lb_backends.
    Task<lb::TerminationReport> reseat(lb::ReseatOrder order, std::uint32_t backend);

private:
    OrderExecutor& executor_;
    std::shared_ptr<const LifeTools> tools_;
};

}  // namespace reseat::bpf
