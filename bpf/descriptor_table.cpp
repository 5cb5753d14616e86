// SPDX-License-Identifier: Apache-2.0
#include "bpf/descriptor_table.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include <unistd.h>

namespace reseat::bpf {

DescriptorTable::DescriptorTable(std::uint32_t pid)
    : directory_(opendir(("/proc/" + std::to_string(pid) + "/fd").c_str())), error_(directory_ ? 0 : errno) {}

std::uint32_t DescriptorTable::inode_of(const char* name) {
    static constexpr std::string_view kind = "socket:[";
    std::array<char, 64> target;
    const ssize_t length = readlinkat(dirfd(directory_.get()), name, target.data(), target.size());
    if (length < 0 && errno != ENOENT) error_ = errno;  // ENOENT: closed meanwhile
    if (length <= 0) return 0;
    const std::string_view text(target.data(), static_cast<std::size_t>(length));
    if (!text.starts_with(kind)) return 0;
    std::uint32_t inode = 0;
    std::from_chars(text.data() + kind.size(), text.data() + text.size(), inode);
    return inode;
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
