// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/workload_orders.hpp"

#include "bpf/workload/forbidden_sockets.hpp"
#include "bpf/workload/untracked_sockets.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <span>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

constexpr std::array<int, 2> kConnections = {IPPROTO_TCP, IPPROTO_UDP};
constexpr std::array<int, 3> kAllProtocols = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_RAW};

/// As long as something is found, another look follows.
Look look_of(std::vector<Target> targets, std::string why = {}) {
    const bool again = !targets.empty();
    return {.targets = std::move(targets), .again = again, .why = std::move(why)};
}

}  // namespace

struct WorkloadOrders::State {
    WorkloadSockets list(std::span<const int> protocols) const {
        return list_workload_sockets(*programs, *namespaces, cgroup, protocols);
    }

    std::shared_ptr<const Programs> programs;
    std::shared_ptr<NetNamespaces> namespaces;
    std::string cgroup;
    UntrackedSockets untracked;
};

UntrackedSockets older_sockets(const Programs& programs, NetNamespaces& namespaces,
                               const std::string& cgroup) {
    const auto now = list_workload_sockets(programs, namespaces, cgroup, kConnections);
    if (!now.why.empty()) spdlog::debug("sockets older than reseat cannot be listed: {}", now.why);
    return UntrackedSockets(now.sockets);
}

WorkloadOrders::WorkloadOrders(std::shared_ptr<const Programs> programs,
                               std::shared_ptr<NetNamespaces> namespaces, std::string cgroup,
                               UntrackedSockets older, OrderExecutor& executor)
    : executor_(executor),
      state_(std::make_shared<const State>(
          State{std::move(programs), std::move(namespaces), std::move(cgroup), std::move(older)})) {}

Task<lb::TerminationReport> WorkloadOrders::end_untracked(lb::UntrackedOrder order) {
    if (state_->untracked.empty()) co_return lb::TerminationReport{};
    Order work;
    work.spread = order.spread;
    work.look = [state = state_, order](bool /*last*/) {
        const std::array<int, 1> protocol = {order.protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP};
        WorkloadSockets now = state->list(protocol);
        std::vector<Target> targets;
        for (const auto& socket : state->untracked.connected_to(now.sockets, order.destinations))
            targets.push_back(target_of(socket));
        return look_of(std::move(targets), std::move(now.why));
    };
    Task<std::vector<lb::TerminationReport>> run = executor_.run(std::move(work));
    const auto reports = co_await std::move(run);
    co_return reports.front();
}

Task<std::vector<std::pair<std::string, lb::TerminationReport>>> WorkloadOrders::enforce(
    std::vector<lb::AccessPolicy> policies) {
    std::vector<std::pair<std::string, lb::TerminationReport>> reports;
    for (const lb::AccessPolicy& policy : policies)
        if (ends_sockets(policy)) reports.emplace_back(policy.name, lb::TerminationReport{});
    if (reports.empty()) co_return reports;
    Order work;
    work.reports = reports.size();
    work.spread = Duration::zero();  // their clients cannot reconnect: no load comes of it
    work.quick_look = [state = state_, policies] {
        return look_of(forbidden_in_index(*state->programs, policies));
    };
    work.look = [state = state_, policies](bool /*last*/) {
        WorkloadSockets now = state->list(kAllProtocols);
        return look_of(forbidden_among(now.sockets, policies), std::move(now.why));
    };
    Task<std::vector<lb::TerminationReport>> run = executor_.run(std::move(work));
    const auto ended = co_await std::move(run);
    for (std::size_t i = 0; i < reports.size(); ++i) reports[i].second = ended[i];
    co_return reports;
}

}  // namespace reseat::bpf
