// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/listed_sockets.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/command_name.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <unordered_map>

namespace reseat::bpf {
namespace {

/// What processes run, each looked up once.
class Commands {
public:
    const std::string& of(std::uint32_t pid) {
        const auto [entry, is_new] = known_.try_emplace(pid);
        if (is_new) entry->second = command_name(pid);
        return entry->second;
    }

private:
    std::unordered_map<std::uint32_t, std::string> known_;
};

std::chrono::nanoseconds since_boot() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

lb::SocketInfo described(const Flow& flow, Commands& commands, std::chrono::nanoseconds now) {
    lb::SocketInfo info{.life = flow.life(),
                        .protocol = flow.is_udp() ? Protocol::udp : Protocol::tcp,
                        .local = from_kernel(flow.value.local),
                        .dialled = from_kernel(flow.value.dialled),
                        .backend = from_kernel(flow.value.remote)};
    info.command = commands.of(flow.value.pid);
    if (!info.command.empty()) info.pid = flow.value.pid;
    const auto since = std::chrono::nanoseconds(flow.value.since_ns);
    info.age = std::max(now - since, std::chrono::nanoseconds::zero());
    return info;
}

}  // namespace

std::deque<lb::SocketInfo> list_sockets(const Programs& programs, const std::vector<FiledLife>& lives) {
    const FlowIndex index(programs);
    const auto now = since_boot();
    Commands commands;
    std::deque<lb::SocketInfo> sockets;
    for (const auto& [backend, life] : lives)
        index.each_of_life(backend, life, [&](const Flow& flow) {
            if (!(flow.key.life & LB_FLOW_LEFT)) sockets.push_back(described(flow, commands, now));
        });
    return sockets;
}

}  // namespace reseat::bpf
