// SPDX-License-Identifier: Apache-2.0
#include "proxy/instance/lock_holder.hpp"

#include "base/read_file.hpp"
#include "base/text.hpp"
#include "bpf/procfs/cgroup_tree.hpp"
#include "proxy/instance/client.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace reseat::proxy {
namespace {

namespace fs = std::filesystem;

/// "process 4711 (instance default)", or without the instance where no admin socket is found.
std::string described(pid_t pid) {
    for (const auto& [name, socket] : running_instances())
        if (listener_of(socket) == pid) return fmt::format("process {} (instance {})", pid, name);
    return fmt::format("process {}", pid);
}

std::optional<pid_t> holder_of(const fs::path& cgroup, std::string_view locks) {
    struct stat about = {};
    if (::stat(cgroup.c_str(), &about) != 0) return std::nullopt;
    return parse_locks(locks, about.st_dev, about.st_ino);
}

/// The holder of `cgroup`, the nearest one above it, or any below it.
std::optional<pid_t> find_holder(const fs::path& cgroup, std::string_view locks) {
    for (fs::path at = cgroup; at.has_relative_path(); at = at.parent_path())
        if (const auto pid = holder_of(at, locks)) return pid;
    for (const auto& below : bpf::cgroup_tree(cgroup))
        if (const auto pid = holder_of(below, locks)) return pid;
    return std::nullopt;
}

}  // namespace

std::optional<pid_t> parse_locks(std::string_view text, dev_t device, ino_t inode) {
    // "1: FLOCK  ADVISORY  WRITE 4711 00:1c:5678 0 EOF" (proc_locks(5)); the device in hex.
    const std::string wanted = fmt::format("{:02x}:{:02x}:{}", major(device), minor(device), inode);
    for (const auto line : split(text, '\n')) {
        std::istringstream words{std::string(line)};
        std::string number, kind, mode, access, file;
        pid_t pid = 0;
        if (!(words >> number >> kind >> mode >> access >> pid >> file)) continue;
        if (kind == "FLOCK" && access == "WRITE" && file == wanted && pid > 0) return pid;
    }
    return std::nullopt;
}

Error with_holder(Error error, const std::string& cgroup) {
    if (error.code != ErrorCode::failed) return error;
    const auto locks = read_file("/proc/locks");
    if (!locks) return error;
    if (const auto pid = find_holder(cgroup, *locks)) error.message += "; held by " + described(*pid);
    return error;
}

}  // namespace reseat::proxy
