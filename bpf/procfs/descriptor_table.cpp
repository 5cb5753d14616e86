// SPDX-License-Identifier: Apache-2.0
#include "bpf/procfs/descriptor_table.hpp"

#include "bpf/procfs/workload_processes.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace reseat::bpf {

namespace {

DescriptorInfo info_at(int directory, const char* name) {
    const UniqueFd file(openat(directory, name, O_RDONLY | O_CLOEXEC));
    std::array<char, 256> text;  // what we look for comes first (proc(5))
    const ssize_t length = file ? read(file.get(), text.data(), text.size()) : -1;
    return length < 0 ? DescriptorInfo{}
                      : parse_descriptor_info({text.data(), static_cast<std::size_t>(length)});
}

/// All sockets of a kernel are in one mount, which is nowhere in the tree.
std::uint32_t mount_of_sockets() {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return info_at(AT_FDCWD, ("/proc/self/fdinfo/" + std::to_string(socket.get())).c_str()).mount;
}

/// The descriptor was closed meanwhile, or its process has ended.
bool is_gone(int error) {
    return error == ENOENT || error == ESRCH;
}

}  // namespace

DescriptorTable::DescriptorTable(std::uint32_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    directory_.reset(opendir((process + "/fd").c_str()));
    if (!directory_ && errno == EACCES) {
        directory_.reset(opendir((process + "/fdinfo").c_str()));
        if (directory_) sockets_mount_ = mount_of_sockets();
    }
    if (!directory_ && !is_gone(errno)) error_ = errno;
}

std::uint32_t DescriptorTable::inode_of(const char* name) {
    return sockets_mount_ ? inode_by_info(name) : inode_by_link(name);
}

std::uint32_t DescriptorTable::inode_by_info(const char* name) {
    const auto info = info_at(dirfd(directory_.get()), name);
    return info.mount == sockets_mount_ ? info.inode : 0;
}

std::uint32_t DescriptorTable::inode_by_link(const char* name) {
    std::array<char, 64> target;
    const ssize_t length = readlinkat(dirfd(directory_.get()), name, target.data(), target.size());
    if (length < 0 && !is_gone(errno)) error_ = errno;
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
        if (entry->d_name[0] == '.') continue;  // the directory and its parent: no links
        const std::uint32_t socket = inode_of(entry->d_name);
        if (socket == 0) continue;
        const int number = std::atoi(entry->d_name);
        seen_.emplace(socket, number);
        if (socket == inode) return number;
    }
    return std::nullopt;
}

}  // namespace reseat::bpf
