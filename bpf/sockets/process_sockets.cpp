// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/process_sockets.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/procfs/descriptor_table.hpp"
#include "bpf/procfs/workload_processes.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/capability.h>
#include <linux/mptcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::bpf {
namespace {

#ifndef SO_NETNS_COOKIE
constexpr int SO_NETNS_COOKIE = 71;
#endif
#ifndef SOL_MPTCP
constexpr int SOL_MPTCP = 284;
#endif
constexpr int kMptcp = 262;  // IPPROTO_MPTCP
constexpr unsigned kMaxSubflows = 64;

template <class T>
T option(int fd, int name) {
    T value{};
    socklen_t length = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : T{};
}

std::string bytes_of(const lb_endpoint& endpoint) {
    return std::string(reinterpret_cast<const char*>(&endpoint), sizeof(endpoint));
}

UniqueFd get_descriptor(const UniqueFd& pidfd, int number) {
    return UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
}

lb_endpoint endpoint_of(const __kernel_sockaddr_storage& address) {
    sockaddr_storage copy{};
    static_assert(sizeof(copy) == sizeof(address));
    std::memcpy(&copy, &address, sizeof(copy));
    return from_sockaddr(copy, Protocol::tcp);
}

bool is_multipath(int fd) {
    return option<int>(fd, SO_PROTOCOL) == kMptcp;
}

}  // namespace

bool can_duplicate_descriptors() {
    const UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    return get_descriptor(self, self.get()).get() >= 0;
}

bool may_duplicate_from_all() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    return syscall(SYS_capget, &header, sets.data()) == 0 &&
           sets[CAP_TO_INDEX(CAP_SYS_PTRACE)].effective & CAP_TO_MASK(CAP_SYS_PTRACE);
}

std::uint64_t cookie_of(int fd) {
    return option<std::uint64_t>(fd, SO_COOKIE);
}

std::uint64_t netns_of(int fd) {
    return option<std::uint64_t>(fd, SO_NETNS_COOKIE);
}

std::vector<std::pair<lb_endpoint, lb_endpoint>> subflows_of(int fd) {
    if (!is_multipath(fd)) return {};
    struct {
        mptcp_subflow_data about;
        mptcp_subflow_addrs subflows[kMaxSubflows];
    } answer{};
    answer.about.size_subflow_data = sizeof(answer.about);
    answer.about.size_user = sizeof(answer.subflows[0]);
    socklen_t length = sizeof(answer);
    if (getsockopt(fd, SOL_MPTCP, MPTCP_SUBFLOW_ADDRS, &answer, &length) != 0) return {};
    std::vector<std::pair<lb_endpoint, lb_endpoint>> found;
    for (unsigned i = 0; i < std::min(answer.about.num_subflows, kMaxSubflows); ++i)
        found.emplace_back(endpoint_of(answer.subflows[i].ss_local),
                           endpoint_of(answer.subflows[i].ss_remote));
    return found;
}

ProcessSockets::Process& ProcessSockets::process(std::uint32_t pid, std::string& why) {
    const auto [entry, fresh] = processes_.try_emplace(pid);
    Process& process = entry->second;
    if (!fresh) return process;
    process.pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!process.pidfd) return process;
    DescriptorTable descriptors(pid);
    int error = 0;
    for (const int number : descriptors.sockets()) {
        const UniqueFd fd = get_descriptor(process.pidfd, number);
        if (!fd) {
            error = errno == EBADF || errno == ESRCH ? error : errno;  // closed or ended meanwhile
            continue;
        }
        if (is_multipath(fd.get()))
            for (const auto& [local, remote] : subflows_of(fd.get()))
                process.by_subflow[{bytes_of(local), bytes_of(remote)}] = number;
        else
            process.by_cookie[cookie_of(fd.get())] = number;
    }
    if (!error) error = descriptors.error();
    if (error) why = "copy a descriptor of process " + std::to_string(pid) + ": " + std::strerror(error);
    return process;
}

UniqueFd ProcessSockets::duplicate_from(std::uint32_t pid, const Flow& flow, std::string& why) {
    const Process& owner = process(pid, why);
    const auto by_cookie = owner.by_cookie.find(flow.cookie);
    const auto by_subflow = owner.by_subflow.find({bytes_of(flow.local), bytes_of(flow.remote)});
    if (by_cookie != owner.by_cookie.end()) {
        UniqueFd fd = get_descriptor(owner.pidfd, by_cookie->second);
        // Closed and its number used again meanwhile: then it is another one.
        if (fd && cookie_of(fd.get()) == flow.cookie) return fd;
    }
    if (by_subflow != owner.by_subflow.end()) {
        UniqueFd fd = get_descriptor(owner.pidfd, by_subflow->second);
        if (fd && netns_of(fd.get()) == flow.netns)
            for (const auto& [local, remote] : subflows_of(fd.get()))
                if (same_endpoint(local, flow.local) && same_endpoint(remote, flow.remote)) return fd;
    }
    return UniqueFd();
}

UniqueFd ProcessSockets::duplicate(const Flow& flow, std::string& why) {
    if (flow.pid)
        if (UniqueFd fd = duplicate_from(flow.pid, flow, why)) return fd;
    if (!std::exchange(workload_read_, true)) workload_ = processes_below(cgroup_);
    for (const std::uint32_t pid : workload_)
        if (UniqueFd fd = duplicate_from(pid, flow, why)) return fd;
    if (why.empty()) why = "no process of the workload has the socket";
    return UniqueFd();
}

}  // namespace reseat::bpf
