// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/programs.hpp"
#include "bpf/orders/order.hpp"
#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/workload/untracked_sockets.hpp"
#include "lb/policy.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace reseat::bpf {

/// The workload's sockets as they are before the programs are attached; see UntrackedSockets. Where the
/// kernel does not allow a look there are none.
UntrackedSockets older_sockets(const Programs& programs, NetNamespaces& namespaces,
                               const std::string& cgroup);

/// Ends sockets of the workload that no life names: what policies deny, and what is older than the data path.
/// In all network namespaces that the workload's processes are in and we may enter.
class WorkloadOrders {
public:
    /// `executor` must outlive this.
    WorkloadOrders(std::shared_ptr<const Programs> programs, std::shared_ptr<NetNamespaces> namespaces,
                   std::string cgroup, UntrackedSockets older, OrderExecutor& executor);

    /// See lb::DataPlane.
    Task<lb::TerminationReport> end_untracked(lb::UntrackedOrder order);
    Task<std::vector<std::pair<std::string, lb::TerminationReport>>> enforce(
        std::vector<lb::AccessPolicy> policies);

private:
    struct State;
    OrderExecutor& executor_;
    std::shared_ptr<const State> state_;  ///< shared with workers, which may be at it when this goes
};

}  // namespace reseat::bpf
