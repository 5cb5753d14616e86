// SPDX-License-Identifier: Apache-2.0
#include "bpf/attach/cgroup_attachment.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace reseat::bpf {
namespace {

namespace fs = std::filesystem;

bool is_cgroup2(int fd) {
    struct statfs about;
    return fstatfs(fd, &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC;
}

/// Open directories: the cgroup, then each ancestor that is visible in this mount.
Result<std::vector<UniqueFd>> open_with_ancestors(const std::string& cgroup) {
    std::vector<UniqueFd> directories;
    fs::path path = fs::path(cgroup).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    while (true) {
        UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd && directories.empty()) return system_error("cgroup " + cgroup, errno);
        if (!fd || !is_cgroup2(fd.get())) break;
        directories.push_back(std::move(fd));
        if (path == path.parent_path()) break;
        path = path.parent_path();
    }
    if (directories.empty())
        return Error{ErrorCode::unsupported, cgroup + " is not in a cgroup2 file system"};
    return directories;
}

Result<void> lock_all(const std::vector<UniqueFd>& directories, const std::string& cgroup) {
    for (std::size_t i = 0; i < directories.size(); ++i) {
        if (flock(directories[i].get(), (i == 0 ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) continue;
        if (errno != EWOULDBLOCK) return system_error("lock " + cgroup, errno);
        return Error{ErrorCode::failed,
                     i == 0 ? "another reseat is attached to " + cgroup +
                                  " or a cgroup below it; stop it first, or choose another cgroup"
                            : "another reseat is attached to a cgroup above " + cgroup +
                                  ", which covers this one; stop it first, or choose another cgroup"};
    }
    return {};
}

/// Would attaching below this directory be refused, or silently replace what it has?
Result<void> check_foreign_programs(int directory, bool ancestor, std::span<bpf_program* const> programs) {
    for (bpf_program* program : programs) {
        __u32 flags = 0, count = 0;
        if (bpf_prog_query(directory, bpf_program__expected_attach_type(program), 0, &flags, nullptr, &count))
            continue;  // a hook that this kernel lacks fails at attaching, with a better message
        if (count == 0 || flags & BPF_F_ALLOW_MULTI) continue;
        const std::string where = ancestor ? "a cgroup above this one" : "this cgroup";
        const std::string type = bpf_program__name(program);
        return Error{ErrorCode::failed,
                     where + " has a program at the hook " + type + " attached " +
                         (flags & BPF_F_ALLOW_OVERRIDE
                              ? "with ALLOW_OVERRIDE, which reseat's would silently replace"
                              : "exclusively, so that no other can be attached here or below") +
                         "; have its owner attach it with ALLOW_MULTI, or choose another cgroup "
                         "(`bpftool cgroup tree` shows it)"};
    }
    return {};
}

/// Does the cgroup have a program of this name? False without CAP_SYS_ADMIN.
bool carries(int directory, bpf_program* program) {
    std::array<__u32, 64> ids;
    __u32 flags = 0, count = ids.size();
    if (bpf_prog_query(directory, bpf_program__expected_attach_type(program), 0, &flags, ids.data(), &count))
        return false;
    for (__u32 i = 0; i < count; ++i) {
        const UniqueFd other(bpf_prog_get_fd_by_id(ids[i]));
        bpf_prog_info info{};
        __u32 size = sizeof(info);
        if (other && bpf_obj_get_info_by_fd(other.get(), &info, &size) == 0 &&
            info.name == std::string_view(bpf_program__name(program)))
            return true;
    }
    return false;
}

/// Programs of reseat whose process is gone: this process has the lock. Those that are not pinned are about
/// to go.
Result<void> check_own_programs(int directory, std::span<bpf_program* const> programs) {
    for (bpf_program* program : programs)
        for (int waited = 0; carries(directory, program); ++waited) {
            if (waited == 100)
                return Error{ErrorCode::failed,
                             "programs of a killed reseat are still attached there or above; start with the "
                             "same `pin` to adopt them, or remove them with `reseat detach` (`reseat "
                             "detach --pin DIR` for `pin: DIR`)"};
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    return {};
}

/// The cgroup that the link is attached to; 0: it was removed.
std::uint64_t cgroup_of(int link) {
    bpf_link_info info{};
    __u32 size = sizeof(info);
    return bpf_obj_get_info_by_fd(link, &info, &size) == 0 ? info.cgroup.cgroup_id : 0;
}

std::uint64_t id_of(int directory) {
    struct stat about;
    return fstat(directory, &about) == 0 ? about.st_ino : 0;
}

}  // namespace

Result<CgroupAttachment> CgroupAttachment::claim(const std::string& cgroup) {
    auto directories = open_with_ancestors(cgroup);
    if (!directories) return directories.error();
    if (auto claimed = lock_all(*directories, cgroup); !claimed) return claimed.error();
    CgroupAttachment attachment;
    attachment.cgroup_ = cgroup;
    attachment.locks_ = std::move(*directories);
    return attachment;
}

bool CgroupAttachment::adopt(OpenMaps& links) {
    const std::uint64_t ours = id_of(locks_.front().get());
    for (const auto& [program, link] : links)
        if (cgroup_of(link.get()) != ours) return false;
    for (auto& [program, link] : links) links_.push_back({program, std::move(link)});
    return !links_.empty();
}

Result<void> CgroupAttachment::attach(std::span<bpf_program* const> programs, const PinDirectory* pins) {
    for (std::size_t i = 0; i < locks_.size(); ++i)
        if (auto clear = check_foreign_programs(locks_[i].get(), i > 0, programs); !clear)
            return clear.error().in("cgroup " + cgroup_);
    for (std::size_t i = links_.empty() ? 0 : 1; i < locks_.size(); ++i)
        if (auto clear = check_own_programs(locks_[i].get(), programs); !clear)
            return clear.error().in("cgroup " + cgroup_);
    for (bpf_program* program : programs)
        if (auto attached = attach_one(program, pins); !attached)
            return attached.error().in("attach " + std::string(bpf_program__name(program)) + " to " +
                                       cgroup_);
    std::erase_if(links_, [&](const Link& link) {
        const auto is_it = [&](bpf_program* program) { return link.program == bpf_program__name(program); };
        if (std::ranges::any_of(programs, is_it)) return false;
        if (pins) pins->remove_link(link.program);
        return true;
    });
    const std::uint64_t meant = id_of(locks_.front().get()), found = cgroup_of(links_.front().fd.get());
    if (found == meant) return {};
    return Error{ErrorCode::failed,
                 "attached to cgroup " + std::to_string(found) + " instead of " + std::to_string(meant)};
}

Result<void> CgroupAttachment::attach_one(bpf_program* program, const PinDirectory* pins) {
    const std::string name = bpf_program__name(program);
    if (const auto link = std::ranges::find(links_, name, &Link::program); link != links_.end()) {
        if (bpf_link_update(link->fd.get(), bpf_program__fd(program), nullptr) == 0) return {};
        return system_error("replace the program", errno);
    }
    UniqueFd link(bpf_link_create(bpf_program__fd(program), locks_.front().get(),
                                  bpf_program__expected_attach_type(program), nullptr));
    if (!link) {
        const int number = errno;
        return system_error("create a link", number,
                            number == EPERM ? ErrorCode::unsupported : ErrorCode::failed);
    }
    if (pins)
        if (auto pinned = pins->pin_link(name, link.get()); !pinned) return pinned;
    links_.push_back({name, std::move(link)});
    return {};
}

bool CgroupAttachment::is_gone() const {
    return !links_.empty() && cgroup_of(links_.front().fd.get()) == 0;
}

}  // namespace reseat::bpf
