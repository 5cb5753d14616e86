// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::bpf {

/// The processes in the cgroup2 directory `cgroup` and below, as far as our pid namespace shows them; of a
/// threaded cgroup, those with a thread in it. Each once.
std::vector<std::uint32_t> processes_below(const std::string& cgroup);

/// What cgroup.procs says, one number a line; 0 (not visible in our pid namespace) and what is no number are
/// left out.
std::vector<std::uint32_t> parse_processes(std::string_view text);

/// The process that /proc/TID/status says a thread belongs to; 0 where it does not.
std::uint32_t parse_thread_group(std::string_view status);

/// The inode in a descriptor's link "socket:[inode]"; 0 where it is no socket.
std::uint32_t parse_socket_link(std::string_view target);

/// What /proc/PID/fdinfo/N says of a descriptor; 0 where it does not.
struct DescriptorInfo {
    std::uint32_t mount = 0;
    std::uint32_t inode = 0;  ///< since Linux 5.14
};
DescriptorInfo parse_descriptor_info(std::string_view text);

}  // namespace reseat::bpf
