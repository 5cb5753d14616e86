// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/listed_sockets.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/command_name.hpp"

#include <algorithm>
#include <chrono>
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

lb::SocketInfo described(const Flow& flow, Commands& commands) {
    lb::SocketInfo info{.life = flow.life,
                        .protocol = flow.is_udp() ? Protocol::udp : Protocol::tcp,
                        .local = from_kernel(flow.local),
                        .dialled = from_kernel(flow.dialled),
                        .backend = from_kernel(flow.remote)};
    info.command = commands.of(flow.pid);
    if (!info.command.empty()) info.pid = flow.pid;
    info.age = flow.age();
    return info;
}

}  // namespace

std::deque<lb::SocketInfo> list_sockets(const Programs& programs, const std::vector<FiledLife>& lives) {
    Commands commands;
    std::deque<lb::SocketInfo> sockets;
    FlowIndex(programs).each_of_lives(lives, [&](const Flow& flow) {
        if (!flow.left()) sockets.push_back(described(flow, commands));
    });
    return sockets;
}

}  // namespace reseat::bpf
