// SPDX-License-Identifier: Apache-2.0
#include "bpf/descriptor_table.hpp"

#include "bpf/workload_processes.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include <unistd.h>

namespace reseat::bpf {

DescriptorTable::DescriptorTable(std::uint32_t pid)
    : directory_(opendir(("/proc/" + std::to_string(pid) + "/fd").c_str())), error_(directory_ ? 0 : errno) {}

std::uint32_t DescriptorTable::inode_of(const char* name) {
    std::array<char, 64> target;
    const ssize_t length = readlinkat(dirfd(directory_.get()), name, target.data(), target.size());
    if (length < 0 && errno != ENOENT) error_ = errno;  // ENOENT: closed meanwhile
    if (length <= 0) return 0;
    return parse_socket_link({target.data(), static_cast<std::size_t>(length)});
}

std::vector<int> DescriptorTable::sockets() {
    find(~0u, -1);
    std::vector<int> numbers;
    for (const auto& [inode, number] : seen_) numbers.push_back(number);
    return numbers;
}

std::optional<int> DescriptorTable::find(std::uint32_t inode, int hint) {
    if (!directory_ || inode == 0) return std::nullopt;
    if (hint >= 0 && inode_of(std::to_string(hint).c_str()) == inode) return hint;
    if (const auto known = seen_.find(inode); known != seen_.end()) return known->second;
    while (const dirent* entry = readdir(directory_.get())) {
        const std::uint32_t socket = inode_of(entry->d_name);
        if (socket == 0) continue;
        const int number = std::atoi(entry->d_name);
        seen_.emplace(socket, number);
        if (socket == inode) return number;
    }
    return std::nullopt;
}

}  // namespace reseat::bpf
