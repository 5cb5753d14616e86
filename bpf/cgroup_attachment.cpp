// SPDX-License-Identifier: Apache-2.0
#include "bpf/cgroup_attachment.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <filesystem>

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
lb::Result<std::vector<UniqueFd>> open_with_ancestors(const std::string& cgroup) {
    std::vector<UniqueFd> directories;
    fs::path path = fs::path(cgroup).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    while (true) {
        UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd && directories.empty()) return lb::system_error("cgroup " + cgroup, errno);
        if (!fd || !is_cgroup2(fd.get())) break;
        directories.push_back(std::move(fd));
        if (path == path.parent_path()) break;
        path = path.parent_path();
    }
    if (directories.empty())
        return lb::Error{lb::ErrorCode::unsupported, cgroup + " is not in a cgroup2 file system"};
    return directories;
}

lb::Result<void> claim(const std::vector<UniqueFd>& directories, const std::string& cgroup) {
    for (std::size_t i = 0; i < directories.size(); ++i) {
        if (flock(directories[i].get(), (i == 0 ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) continue;
        if (errno != EWOULDBLOCK) return lb::system_error("lock " + cgroup, errno);
        return lb::Error{lb::ErrorCode::failed,
                         i == 0 ? "another reseat holds " + cgroup +
                                      " or a cgroup below it; stop it first, or choose another cgroup"
                                : "another reseat holds a cgroup above " + cgroup +
                                      ", which covers this one; stop it first, or choose another cgroup"};
    }
    return {};
}

/// Would attaching below this directory be refused, or silently replace what it carries?
lb::Result<void> check_foreign_programs(int directory, bool ancestor,
                                        std::span<bpf_program* const> programs) {
    for (bpf_program* program : programs) {
        __u32 flags = 0, count = 0;
        if (bpf_prog_query(directory, bpf_program__expected_attach_type(program), 0, &flags, nullptr, &count))
            continue;  // a hook that this kernel lacks fails at attaching, with a better message
        if (count == 0 || flags & BPF_F_ALLOW_MULTI) continue;
        const std::string where = ancestor ? "a cgroup above this one" : "this cgroup";
        const std::string type = bpf_program__name(program);
        return lb::Error{lb::ErrorCode::failed,
                         where + " carries a program at the hook of " + type + " that was attached " +
                             (flags & BPF_F_ALLOW_OVERRIDE
                                  ? "with ALLOW_OVERRIDE and would be silently replaced by ours"
                                  : "exclusively, so that none may be attached beside or below it") +
                             "; have its owner attach it with ALLOW_MULTI, or choose another cgroup "
                             "(`bpftool cgroup tree` shows it)"};
    }
    return {};
}

lb::Result<void> check_attached_to(bpf_link* link, int directory) {
    bpf_link_info info{};
    __u32 size = sizeof(info);
    struct stat about;
    if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &size) != 0 || fstat(directory, &about) != 0)
        return lb::system_error("ask what was attached to", errno);
    if (info.cgroup.cgroup_id == about.st_ino) return {};
    return lb::Error{lb::ErrorCode::failed, "attached to cgroup " + std::to_string(info.cgroup.cgroup_id) +
                                                " instead of " + std::to_string(about.st_ino)};
}

}  // namespace

void CgroupAttachment::DestroyLink::operator()(bpf_link* link) const {
    bpf_link__destroy(link);
}

lb::Result<CgroupAttachment> CgroupAttachment::attach(const std::string& cgroup,
                                                      std::span<bpf_program* const> programs) {
    CgroupAttachment attachment;
    auto directories = open_with_ancestors(cgroup);
    if (!directories) return directories.error();
    attachment.locks_ = std::move(*directories);
    if (auto claimed = claim(attachment.locks_, cgroup); !claimed) return claimed.error();
    for (std::size_t i = 0; i < attachment.locks_.size(); ++i)
        if (auto clear = check_foreign_programs(attachment.locks_[i].get(), i > 0, programs); !clear)
            return clear.error().in("cgroup " + cgroup);
    const int directory = attachment.locks_.front().get();
    for (bpf_program* program : programs) {
        bpf_link* link = bpf_program__attach_cgroup(program, directory);
        if (!link) {
            const int number = errno;
            return lb::system_error("attach " + std::string(bpf_program__name(program)) + " to " + cgroup,
                                    number,
                                    number == EPERM ? lb::ErrorCode::unsupported : lb::ErrorCode::failed);
        }
        attachment.links_.emplace_back(link);
    }
    if (auto right = check_attached_to(attachment.links_.front().get(), directory); !right)
        return right.error();
    return attachment;
}

}  // namespace reseat::bpf
