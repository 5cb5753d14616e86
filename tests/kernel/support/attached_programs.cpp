// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/attached_programs.hpp"

#include "tests/support/catch.hpp"

#include <bpf/bpf.h>

#include <array>

#include <fcntl.h>

namespace reseat::test {
namespace {

bpf_prog_info info_of(int fd) {
    bpf_prog_info info{};
    __u32 length = sizeof info;
    REQUIRE(bpf_obj_get_info_by_fd(fd, &info, &length) == 0);
    return info;
}

}  // namespace

AttachedPrograms::AttachedPrograms(const std::string& cgroup)
    : counting_(bpf_enable_stats(BPF_STATS_RUN_TIME)) {
    const UniqueFd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int type = 0; type < __MAX_BPF_ATTACH_TYPE; ++type) {
        std::array<__u32, 64> ids{};
        __u32 count = ids.size();
        const auto attach_type = static_cast<bpf_attach_type>(type);
        if (bpf_prog_query(directory.get(), attach_type, 0, nullptr, ids.data(), &count) != 0) continue;
        for (__u32 i = 0; i < count; ++i) add(ids[i]);
    }
}

std::map<std::string, std::uint64_t> AttachedPrograms::runs() const {
    std::map<std::string, std::uint64_t> runs;
    for (const auto& [name, fd] : programs_) runs[name] = info_of(fd.get()).run_cnt;
    return runs;
}

void AttachedPrograms::add(std::uint32_t id) {
    UniqueFd fd(bpf_prog_get_fd_by_id(id));
    REQUIRE(fd);
    const std::string name = info_of(fd.get()).name;
    programs_[name] = std::move(fd);
}

}  // namespace reseat::test
