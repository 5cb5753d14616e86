// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <dirent.h>

namespace reseat::bpf {

/// The sockets among a process's descriptors, as /proc/PID/fd lists them, or /proc/PID/fdinfo: the former
/// is closed to other users even with CAP_SYS_PTRACE. What was read is remembered: for one sweep. A process
/// that is gone or hidden has none.
class DescriptorTable {
public:
    explicit DescriptorTable(std::uint32_t pid);

    /// The descriptor of the socket with this inode; looks at `hint` first (-1: none), then reads on until
    /// it is found. Takes about 2 us per descriptor read.
    std::optional<int> find(std::uint32_t inode, int hint);

    /// A descriptor of each socket.
    std::vector<int> sockets();

    /// errno of what could not be read: EACCES where the process may not be traced. 0: all was.
    int error() const { return error_; }

private:
    struct Close {
        void operator()(DIR* directory) const { closedir(directory); }
    };
    /// The inode of a descriptor that is a socket; 0 where it is none.
    std::uint32_t inode_of(const char* name);
    std::uint32_t inode_by_link(const char* name);
    std::uint32_t inode_by_info(const char* name);

    std::unique_ptr<DIR, Close> directory_;
    std::uint32_t sockets_mount_ = 0;  ///< not 0: `directory_` is fdinfo
    int error_ = 0;
    std::unordered_map<std::uint32_t, int> seen_;  ///< inode → descriptor
};

}  // namespace reseat::bpf
