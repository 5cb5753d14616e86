// SPDX-License-Identifier: Apache-2.0
#include "bpf/listed_sockets.hpp"

#include "bpf/byte_order.hpp"
#include "bpf/flow_index.hpp"
#include "lb/printable.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <unordered_map>

#include <sys/stat.h>

namespace reseat::bpf {
namespace {

/// Processes by the ids that the programs record, which are those of the initial PID namespace.
class Commands {
public:
    /// Empty: there is no such process, or in our PID namespace its id is another one's.
    const std::string& of(std::uint32_t pid) {
        const auto [entry, is_new] = known_.try_emplace(pid);
        if (is_new && ids_are_ours_) {
            std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
            std::string name{std::istreambuf_iterator<char>(file), {}};
            if (name.ends_with('\n')) name.pop_back();
            entry->second = lb::printable(name);
        }
        return entry->second;
    }

private:
    static bool in_initial_pid_namespace() {
        constexpr ino_t kInitial = 0xEFFFFFFC;  // PROC_PID_INIT_INO, include/linux/proc_ns.h
        struct stat about {};
        return ::stat("/proc/self/ns/pid", &about) == 0 && about.st_ino == kInitial;
    }

    const bool ids_are_ours_ = in_initial_pid_namespace();
    std::unordered_map<std::uint32_t, std::string> known_;
};

std::chrono::nanoseconds since_boot() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

lb::SocketInfo described(const Flow& flow, Commands& commands, std::chrono::nanoseconds now) {
    lb::SocketInfo info{.life = flow.key.life,
                        .protocol = flow.is_udp() ? lb::Protocol::udp : lb::Protocol::tcp,
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

std::vector<lb::SocketInfo> list_sockets(const Programs& programs, const std::vector<FiledLife>& lives) {
    const FlowIndex index(programs);
    const auto now = since_boot();
    Commands commands;
    std::vector<lb::SocketInfo> sockets;
    for (const auto& [backend, life] : lives)
        for (const Flow& flow : index.of_life(backend, life))
            sockets.push_back(described(flow, commands, now));
    return sockets;
}

}  // namespace reseat::bpf
