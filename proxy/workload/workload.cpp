// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/workload.hpp"

#include "base/read_file.hpp"
#include "base/text.hpp"
#include "bpf/procfs/workload_processes.hpp"
#include "proxy/workload/cgroup_mount.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

namespace reseat::proxy {
namespace {

bool is_cgroup2(int directory) {
    struct statfs filesystem = {};
    return ::fstatfs(directory, &filesystem) == 0 && filesystem.f_type == CGROUP2_SUPER_MAGIC;
}

/// "a-b.slice" is in "a.slice" (systemd.slice(5)).
std::string slice_path(const std::string& slice) {
    std::string path;
    for (std::size_t dash = slice.find('-', 1); dash != std::string::npos; dash = slice.find('-', dash + 1))
        path += slice.substr(0, dash) + ".slice/";
    return path + slice;
}

/// Whatever the process has put in the way there, the path stays below its root directory.
UniqueFd open_below_root(int root, const std::string& path) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

Error not_shown(pid_t pid, const std::string& cgroup) {
    return {ErrorCode::failed,
            fmt::format("the cgroup of process {} ({}) is not visible in any cgroup2 mount of reseat or of "
                        "the process; mount the host's /sys/fs/cgroup, or give --cgroup",
                        pid, cgroup)};
}

Result<Workload> find_through_its_root(pid_t pid, const std::string& cgroup) {
    const auto mountinfo = read_file(fmt::format("/proc/{}/mountinfo", pid));
    if (!mountinfo) return mountinfo.error();
    const std::string root = fmt::format("/proc/{}/root", pid);
    const UniqueFd top(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!top)
        return Error{ErrorCode::unsupported,
                     fmt::format("process {} is in another cgroup namespace, and its root directory cannot "
                                 "be opened ({}): grant CAP_SYS_PTRACE, or give --cgroup",
                                 pid, std::strerror(errno))};
    for (const auto& mount : parse_cgroup_mounts(*mountinfo)) {
        const auto rest = below(mount.root, cgroup);
        if (!rest) continue;
        const std::string path = join(mount.path, *rest);
        auto found = open_below_root(top.get(), path);
        if (!found || !is_cgroup2(found.get())) continue;
        const std::string directory = fmt::format("/proc/self/fd/{}", found.get());
        return Workload{directory, root + path, pid, std::move(found)};
    }
    return not_shown(pid, cgroup);
}

Result<Workload> find_below_mounts(pid_t pid, const std::string& cgroup) {
    const auto mounts = cgroup_mounts();
    if (!mounts) return mounts.error();
    for (const auto& mount : *mounts)
        if (const auto rest = below(mount.root, cgroup))
            if (auto found = open_workload(join(mount.path, *rest), cgroup)) {
                found->member = pid;
                return found;
            }
    return find_through_its_root(pid, cgroup);
}

}  // namespace

Result<Workload> open_workload(const std::string& directory, const std::string& asked) {
    UniqueFd held(::open(directory.c_str(), O_PATH | O_CLOEXEC));
    if (!held && (errno == ENOENT || errno == ENOTDIR))
        return Error{ErrorCode::failed, fmt::format("cgroup {} does not exist ({})", asked, directory)};
    if (!held) return system_error("cgroup " + directory, errno);
    struct stat entry = {};
    const bool is_directory = ::fstat(held.get(), &entry) == 0 && S_ISDIR(entry.st_mode);
    if (!is_directory || !is_cgroup2(held.get()))
        return Error{ErrorCode::failed, fmt::format("{} is not a cgroup2 directory", directory)};
    return Workload{directory, directory, std::nullopt, std::move(held)};
}

Result<Workload> find_workload(const std::string& cgroup) {
    if (cgroup == "pod") return find_pod();
    const auto mount = cgroup_mount();
    if (!mount) return mount.error();
    if (cgroup.starts_with('/')) return open_workload(cgroup, cgroup);
    const bool slice = cgroup.ends_with(".slice") && cgroup.find('/') == std::string::npos;
    return open_workload(join(mount->path, slice ? slice_path(cgroup) : cgroup), cgroup);
}

Result<Workload> find_workload_of(pid_t pid) {
    const auto text = read_file(fmt::format("/proc/{}/cgroup", pid));
    if (!text)
        return Error{ErrorCode::failed,
                     fmt::format("process {} does not exist or is not visible to reseat", pid)};
    const auto cgroup = parse_process_cgroup(*text);
    if (!cgroup) return Error{ErrorCode::failed, fmt::format("process {} is not in a cgroup2", pid)};
    auto found = find_below_mounts(pid, *cgroup);
    if (found && is_root_cgroup(found->directory))
        return Error{ErrorCode::failed,
                     fmt::format("process {} is in the root cgroup ({}), which contains every process of "
                                 "this machine; put the workload into a separate cgroup",
                                 pid, found->name)};
    return found;
}

Result<void> check_workload(const Workload& workload) {
    if (!workload.held) return {};
    struct stat found = {};
    struct stat now = {};
    if (::fstat(workload.held.get(), &found) != 0 || ::stat(workload.directory.c_str(), &now) != 0 ||
        found.st_ino != now.st_ino)
        return Error{
            ErrorCode::failed,
            fmt::format("the cgroup {} was removed or replaced while reseat attached to it; try again",
                        workload.name)};
    if (!workload.member) return {};
    const auto members = bpf::processes_below(workload.directory);
    if (std::ranges::find(members, static_cast<std::uint32_t>(*workload.member)) != members.end()) return {};
    return Error{ErrorCode::failed,
                 fmt::format("process {} is no longer in the cgroup {} that reseat attached to: it exited or "
                             "moved; not balancing other processes",
                             *workload.member, workload.name)};
}

}  // namespace reseat::proxy
