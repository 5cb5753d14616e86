// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload.hpp"

#include "proxy/text.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace reseat::proxy {
namespace {

/// mountinfo writes space, tab, newline and backslash as three octal digits (proc(5)).
std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            out +=
                static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

/// "id parent major:minor ROOT PATH options [tags...] - TYPE source options" (proc(5)).
std::optional<CgroupMount> parse_mount(std::string_view line) {
    const auto words = split(line, ' ');
    std::size_t dash = 6;
    while (dash < words.size() && words[dash] != "-") ++dash;
    if (dash + 1 >= words.size() || words[dash + 1] != "cgroup2") return std::nullopt;
    return CgroupMount{.path = unescape(words[4]), .root = unescape(words[3])};
}

lb::Result<std::string> checked(const std::string& directory, const std::string& asked) {
    struct statfs filesystem {};
    if (::statfs(directory.c_str(), &filesystem) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return lb::Error{lb::ErrorCode::failed,
                             fmt::format("cgroup {} does not exist ({})", asked, directory)};
        return lb::system_error("cgroup " + directory, errno);
    }
    struct stat entry {};
    const bool is_directory = ::stat(directory.c_str(), &entry) == 0 && S_ISDIR(entry.st_mode);
    if (filesystem.f_type != CGROUP2_SUPER_MAGIC || !is_directory)
        return lb::Error{lb::ErrorCode::failed, fmt::format("{} is not a cgroup2 directory", directory)};
    return directory;
}

}  // namespace

std::optional<CgroupMount> parse_mountinfo(std::string_view text) {
    std::optional<CgroupMount> partial;
    for (const auto line : split(text, '\n')) {
        auto mount = parse_mount(line);
        if (!mount) continue;
        if (mount->root == "/") return mount;
        if (!partial) partial = std::move(mount);
    }
    return partial;
}

std::optional<std::string> parse_process_cgroup(std::string_view text) {
    for (const auto line : split(text, '\n'))
        if (line.starts_with("0::/")) return std::string(line.substr(3));
    return std::nullopt;
}

lb::Result<CgroupMount> cgroup_mount() {
    const auto mountinfo = read_file("/proc/self/mountinfo");
    if (!mountinfo) return mountinfo.error();
    if (auto mount = parse_mountinfo(*mountinfo)) return *mount;
    return lb::Error{
        lb::ErrorCode::unsupported,
        "no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified, or in a container give "
        "it the host's /sys/fs/cgroup"};
}

lb::Result<std::string> find_cgroup(const std::string& path) {
    const auto mount = cgroup_mount();
    if (!mount) return mount.error();
    if (path.starts_with('/')) return checked(path, path);
    return checked(std::filesystem::path(mount->path) / path, path);
}

lb::Result<std::string> find_cgroup_of(pid_t pid) {
    const auto mount = cgroup_mount();
    if (!mount) return mount.error();
    const auto text = read_file(fmt::format("/proc/{}/cgroup", pid));
    if (!text)
        return lb::Error{lb::ErrorCode::failed,
                         fmt::format("process {} does not exist, or is hidden from us", pid)};
    const auto path = parse_process_cgroup(*text);
    if (!path) return lb::Error{lb::ErrorCode::failed, fmt::format("process {} is in no cgroup2", pid)};
    const bool shown = mount->root == "/" || *path == mount->root || path->starts_with(mount->root + "/");
    if (!shown || path->starts_with("/.."))
        return lb::Error{
            lb::ErrorCode::failed,
            fmt::format("the cgroup of process {} ({}) is outside of the one that {} shows; run reseat in "
                        "the host's cgroup namespace, or give --cgroup",
                        pid, *path, mount->path)};
    const std::string below = mount->root == "/" ? path->substr(1) : path->substr(mount->root.size());
    if (below.empty()) return checked(mount->path, *path);
    return checked(mount->path + (below.front() == '/' ? "" : "/") + below, *path);
}

bool is_root_cgroup(const std::string& directory) {
    // Only the root has no cgroup.type (cgroup-v2.rst).
    return !std::filesystem::exists(directory + "/cgroup.type");
}

}  // namespace reseat::proxy
