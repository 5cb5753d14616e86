// SPDX-License-Identifier: Apache-2.0
#include "base/read_file.hpp"
#include "base/text.hpp"
#include "bpf/procfs/workload_processes.hpp"
#include "proxy/workload/cgroup_mount.hpp"
#include "proxy/workload/workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

/// A sidecar that starts before its application, in the same pod, has no process to ask: it looks upwards.
namespace reseat::proxy {
namespace {

namespace fs = std::filesystem;

/// Cgroups in which a manager puts what it runs, all of it: one above a container there is no pod.
constexpr std::array<std::string_view, 9> kNotPods = {"system.slice",
                                                      "machine.slice",
                                                      "user.slice",
                                                      "docker",
                                                      "libpod_parent",
                                                      "kubepods",
                                                      "kubepods.slice",
                                                      "kubepods-burstable.slice",
                                                      "kubepods-besteffort.slice"};

ino_t inode_of(const fs::path& path) {
    struct stat entry = {};
    return ::stat(path.c_str(), &entry) == 0 ? entry.st_ino : 0;
}

/// How far above our namespace's root a mount's top is: "/../.." is 2; 0: it is not above.
std::size_t height(const CgroupMount& mount) {
    const auto steps = split(std::string_view(mount.root).substr(1), '/');
    return std::ranges::all_of(steps, [](auto step) { return step == ".."; }) ? steps.size() : 0;
}

/// Our namespace's root cgroup: by its inode where that is mounted (`own`), else by us being in it.
bool is_our_root(const fs::path& cgroup, const CgroupMount* own) {
    if (own) return inode_of(cgroup) == inode_of(own->path);
    return std::ranges::count(bpf::processes_below(cgroup), static_cast<std::uint32_t>(::getpid())) > 0;
}

/// Our namespace's root, exactly `depth` levels below `top`; empty: it is not there.
fs::path find_our_root(const fs::path& top, std::size_t depth, const CgroupMount* own) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(top, ignored)) {
        if (!entry.is_directory(ignored)) continue;
        if (depth == 1 && is_our_root(entry.path(), own)) return entry.path();
        if (depth == 1) continue;
        if (auto found = find_our_root(entry.path(), depth - 1, own); !found.empty()) return found;
    }
    return {};
}

/// Our container's cgroup as a path below a mount that also shows what is above it; empty: no mount does.
fs::path our_container(const std::vector<CgroupMount>& mounts, const std::string& cgroup) {
    const auto whole = std::ranges::find(mounts, "/", &CgroupMount::root);
    const CgroupMount* own = whole == mounts.end() ? nullptr : &*whole;
    if (own && is_root_cgroup(own->path)) return join(own->path, *below("/", cgroup));  // no cgroup namespace
    for (const auto& mount : mounts)
        if (const auto depth = height(mount))
            if (auto found = find_our_root(mount.path, depth, own); !found.empty()) return found;
    return {};
}

}  // namespace

Result<Workload> find_pod() {
    const auto mounts = cgroup_mounts();
    if (!mounts) return mounts.error();
    const auto text = read_file("/proc/self/cgroup");
    const auto cgroup = text ? parse_process_cgroup(*text) : std::nullopt;
    if (!cgroup) return Error{ErrorCode::unsupported, "--cgroup pod: reseat is not in a cgroup2"};
    const fs::path container = our_container(*mounts, *cgroup);
    if (container.empty())
        return Error{ErrorCode::unsupported,
                     "--cgroup pod: no mount shows the parent cgroup of this container; mount the host's "
                     "/sys/fs/cgroup read-only into it"};
    fs::path pod = container.parent_path();
    // A scope is one container's, with a cgroup below it for the processes (crun).
    while (pod.extension() == ".scope") pod = pod.parent_path();
    const auto name = pod.filename().string();
    if (is_root_cgroup(container) || is_root_cgroup(pod) ||
        std::ranges::find(kNotPods, name) != kNotPods.end())
        return Error{ErrorCode::failed, fmt::format("--cgroup pod: reseat's own cgroup is {}, which is not "
                                                    "in a pod; give --cgroup PATH or --pid PID",
                                                    container.string())};
    auto found = open_workload(pod, "pod");
    if (found) found->member = ::getpid();
    return found;
}

}  // namespace reseat::proxy
