// SPDX-License-Identifier: Apache-2.0
#include "tests/support/bpf_fs.hpp"

#include "base/handles.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <vector>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reseat::test {
namespace {

namespace fs = std::filesystem;

const std::string kPrefix = "/tmp/reseat-test-bpffs-";

void unmount(const fs::path& path) {
    ::umount2(path.c_str(), MNT_DETACH);
    ::rmdir(path.c_str());
}

void remove_stale() {
    std::error_code ignored;
    std::vector<fs::path> stale;
    for (const auto& entry : fs::directory_iterator("/tmp", ignored)) {
        const std::string path = entry.path();
        pid_t owner = 0;
        if (!path.starts_with(kPrefix)) continue;
        std::from_chars(path.data() + path.rfind('-') + 1, path.data() + path.size(), owner);
        if (owner > 0 && ::kill(owner, 0) != 0 && errno == ESRCH) stale.push_back(path);
    }
    for (const auto& path : stale) unmount(path);
}

}  // namespace

BpfFs::BpfFs(const std::string& name) : path_(kPrefix + name + "-" + std::to_string(::getpid())) {
    remove_stale();
    if (::mkdir(path_.c_str(), 0700) != 0 || ::mount("reseat-test", path_.c_str(), "bpf", 0, nullptr) != 0)
        throw std::system_error(errno, std::generic_category(), "mount a bpffs on " + path_);
}

BpfFs::~BpfFs() {
    unmount(path_);
}

std::vector<unsigned> link_ids_on(const std::string& cgroup) {
    struct stat about = {};
    if (::stat(cgroup.c_str(), &about) != 0)
        throw std::system_error(errno, std::generic_category(), "cgroup " + cgroup);
    std::vector<unsigned> ids;
    for (__u32 id = 0; bpf_link_get_next_id(id, &id) == 0;) {
        const UniqueFd link(bpf_link_get_fd_by_id(id));
        bpf_link_info info{};
        __u32 size = sizeof info;
        if (link && bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0 &&
            info.type == BPF_LINK_TYPE_CGROUP && info.cgroup.cgroup_id == about.st_ino)
            ids.push_back(info.id);
    }
    return ids;
}

unsigned maps_like(const std::string& name, unsigned entries) {
    unsigned count = 0;
    for (__u32 id = 0; bpf_map_get_next_id(id, &id) == 0;) {
        const UniqueFd map(bpf_map_get_fd_by_id(id));
        bpf_map_info info{};
        __u32 size = sizeof info;
        if (map && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 && info.name == name &&
            info.max_entries == entries)
            ++count;
    }
    return count;
}

}  // namespace reseat::test
