// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "bpf/maps/flow_index.hpp"

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace reseat::bpf {

/// Whether pidfd_getfd works here (a seccomp filter may forbid it); errno says why not.
bool can_duplicate_descriptors();
/// Whether every process of the workload may be asked for its descriptors: CAP_SYS_PTRACE. Without it only
/// those of our own user that are dumpable may be, if the machine allows that.
bool may_duplicate_from_all();

/// Finds a flow's socket among the descriptors of processes by what the sockets themselves say: the cookie,
/// or for Multipath TCP, where cookies differ, network namespace and addresses of a subflow. What was read is
/// remembered. Takes the locks of Multipath TCP sockets. One thread.
class ProcessSockets {
public:
    explicit ProcessSockets(std::string cgroup) : cgroup_(std::move(cgroup)) {}

    /// A duplicate of the flow's descriptor: that of the process on record, else of any of the workload.
    /// None: `why` says why.
    UniqueFd duplicate(const Flow& flow, std::string& why);

private:
    using Tuple = std::pair<std::string, std::string>;  ///< local and remote, as bytes
    struct Process {
        UniqueFd pidfd;
        std::unordered_map<std::uint64_t, int> by_cookie;
        std::map<Tuple, int> by_subflow;
    };

    Process& process(std::uint32_t pid, std::string& why);
    UniqueFd duplicate_from(std::uint32_t pid, const Flow& flow, std::string& why);

    std::string cgroup_;
    std::unordered_map<std::uint32_t, Process> processes_;
    std::vector<std::uint32_t> workload_;
    bool workload_read_ = false;
};

std::uint64_t cookie_of(int fd);
/// Of a socket; 0 before Linux 5.14.
std::uint64_t netns_of(int fd);
/// The addresses of a Multipath TCP socket's subflows, as {local, remote}; none of other sockets. Takes its
/// lock.
std::vector<std::pair<lb_endpoint, lb_endpoint>> subflows_of(int fd);

}  // namespace reseat::bpf
