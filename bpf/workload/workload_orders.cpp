// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/workload_orders.hpp"

#include "bpf/workload/forbidden_sockets.hpp"
#include "bpf/workload/untracked_sockets.hpp"

#include <spdlog/spdlog.h>

namespace reseat::bpf {

struct WorkloadOrders::State {
    std::shared_ptr<const Programs> programs;
    std::shared_ptr<NetNamespaces> namespaces;
    std::string cgroup;
    UntrackedSockets untracked;
    std::shared_ptr<StuckSockets> stuck = std::make_shared<StuckSockets>();
};

UntrackedSockets older_sockets(const Programs& programs, NetNamespaces& namespaces,
                               const std::string& cgroup) {
    UntrackedSockets older;
    for (const auto& diag : namespaces.channels_of_workload()) {
        WorkloadSockets sockets(programs, *diag, cgroup);
        if (auto noted = older.add(sockets); !noted)
            spdlog::debug("sockets older than reseat cannot be listed: {}", noted.error().message);
    }
    return older;
}

WorkloadOrders::WorkloadOrders(std::shared_ptr<const Programs> programs,
                               std::shared_ptr<NetNamespaces> namespaces, std::string cgroup,
                               UntrackedSockets older, Workers& workers)
    : state_(std::make_shared<State>(
          State{std::move(programs), std::move(namespaces), std::move(cgroup), std::move(older)})),
      workers_(workers) {}

Task<lb::TerminationReport> WorkloadOrders::end_untracked(lb::UntrackedOrder order) {
    if (state_->untracked.empty()) co_return lb::TerminationReport{};
    auto find = [state = state_, order](SockDiag& channel) -> Result<std::vector<Target>> {
        WorkloadSockets sockets(*state->programs, channel, state->cgroup);
        const auto found = state->untracked.connected_to(sockets, order.protocol, order.destinations);
        if (!found) return found.error();
        std::vector<Target> targets;
        for (const SocketTuple& tuple : *found) targets.push_back({tuple, 0, 0});
        return targets;
    };
    Task<std::vector<lb::TerminationReport>> end =
        end_sockets(workers_, state_->namespaces, state_->stuck, std::move(find), 1, order.spread);
    const auto reports = co_await std::move(end);
    co_return reports.front();
}

Task<std::vector<std::pair<std::string, lb::TerminationReport>>> WorkloadOrders::enforce(
    std::vector<lb::AccessPolicy> policies) {
    std::vector<std::pair<std::string, lb::TerminationReport>> reports;
    for (const lb::AccessPolicy& policy : policies)
        if (ends_sockets(policy)) reports.emplace_back(policy.name, lb::TerminationReport{});
    if (reports.empty()) co_return reports;
    auto find = [state = state_, policies](SockDiag& channel) {
        WorkloadSockets sockets(*state->programs, channel, state->cgroup);
        return find_forbidden(sockets, policies);
    };
    Task<std::vector<lb::TerminationReport>> end = end_sockets(workers_, state_->namespaces, state_->stuck,
                                                               std::move(find), reports.size(), std::nullopt);
    const auto ended = co_await std::move(end);
    for (std::size_t i = 0; i < reports.size(); ++i) reports[i].second = ended[i];
    co_return reports;
}

}  // namespace reseat::bpf
