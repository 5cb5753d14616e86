// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/port_resolver.hpp"

#include "base/run_on.hpp"
#include "bpf/maps/flow_index.hpp"
#include "bpf/procfs/descriptor_table.hpp"
#include "bpf/sockets/udp_resolver.hpp"
#include "bpf/sockets/unconnected_sockets.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPause = 500ms;
constexpr int kRest = 50;
constexpr Duration kLongestPause = 30s;

struct Round {
    bool progress = false;  ///< or nothing was to be resolved
    std::size_t left = 0;
};

Round resolve_once(const Programs& programs, NetNamespaces& namespaces, UnconnectedSockets& unconnected) {
    const FlowIndex index(programs);
    std::vector<Flow> flows = index.unresolved();
    if (flows.empty()) return {.progress = true};
    std::map<std::uint64_t, std::vector<Flow>> groups;
    for (Flow& flow : flows) groups[flow.netns].push_back(flow);
    Round round{.left = flows.size()};
    flows.clear();
    for (auto& [netns, group] : groups)
        if (resolve_udp_in(namespaces, netns, group)) flows.insert(flows.end(), group.begin(), group.end());
    std::unordered_map<std::uint32_t, DescriptorTable> processes;
    for (Flow& flow : flows) {
        if (!flow.resolved()) continue;
        auto& process = processes.try_emplace(flow.pid, flow.pid).first->second;
        if (const auto fd = process.find(flow.inode, -1)) flow.fd = static_cast<std::uint32_t>(*fd) + 1;
        index.complete(flow);
        round.progress = true;
        --round.left;
    }
    if (const std::size_t gone = unconnected.let_go(flows)) {
        round.progress = true;
        round.left -= gone;
    }
    return round;
}

}  // namespace

Task<void> resolve_ports(const Programs& programs, NetNamespaces& namespaces, asio::thread_pool& pool,
                         std::size_t& left) {
    auto resolve = [](const Programs& all, NetNamespaces& in, UnconnectedSockets& gone) -> Task<Round> {
        co_return resolve_once(all, in, gone);
    };
    UnconnectedSockets unconnected(programs);
    Duration pause = kPause;
    std::optional<std::uint64_t> filed;  // when the last round began
    while (true) {
        co_await sleep_for(pause);
        // To read the whole index for nothing would be most of what an idle process costs.
        const std::uint64_t now = programs.stat(LB_STAT_UDP_FILED);
        if (std::exchange(filed, now) == now && left == 0) continue;
        const auto start = std::chrono::steady_clock::now();
        Task<Round> task = resolve(programs, namespaces, unconnected);
        const Round round = co_await run_on(pool, std::move(task));
        left = round.left;
        namespaces.forget_unused();
        const Duration took = std::chrono::steady_clock::now() - start;
        // What cannot be looked at stays unresolved: no reason to dump all sockets for that each time.
        pause = round.progress ? std::max(kPause, kRest * took) : std::min(2 * pause, kLongestPause);
    }
}

}  // namespace reseat::bpf
