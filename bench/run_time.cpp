// SPDX-License-Identifier: Apache-2.0
#include "bench/run_time.hpp"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>

namespace reseat::bench {
namespace {

constexpr bpf_attach_type kHooks[] = {
    BPF_CGROUP_INET_SOCK_CREATE,  BPF_CGROUP_INET_SOCK_RELEASE, BPF_CGROUP_INET4_BIND,
    BPF_CGROUP_INET6_BIND,        BPF_CGROUP_INET4_POST_BIND,   BPF_CGROUP_INET6_POST_BIND,
    BPF_CGROUP_INET4_CONNECT,     BPF_CGROUP_INET6_CONNECT,     BPF_CGROUP_UDP4_SENDMSG,
    BPF_CGROUP_UDP6_SENDMSG,      BPF_CGROUP_UDP4_RECVMSG,      BPF_CGROUP_UDP6_RECVMSG,
    BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME, BPF_CGROUP_INET4_GETSOCKNAME,
    BPF_CGROUP_INET6_GETSOCKNAME, BPF_CGROUP_SOCK_OPS};

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

bpf_prog_info info_of(int program) {
    bpf_prog_info info{};
    __u32 size = sizeof info;
    if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) fail("ask about a BPF program");
    return info;
}

}  // namespace

RunTimes::RunTimes(const std::string& cgroup) : counting_(bpf_enable_stats(BPF_STATS_RUN_TIME)) {
    if (!counting_) fail("count the run time of BPF programs");
    const UniqueFd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) fail(cgroup);
    for (const auto hook : kHooks) {
        std::array<__u32, 64> ids;
        __u32 count = ids.size();
        if (bpf_prog_query(directory.get(), hook, 0, nullptr, ids.data(), &count) != 0) continue;
        for (__u32 i = 0; i < count; ++i) {
            UniqueFd program(bpf_prog_get_fd_by_id(ids[i]));
            if (!program) fail("open a BPF program");
            const std::string name = info_of(program.get()).name;
            programs_.emplace(name, std::move(program));
        }
    }
}

std::map<std::string, RunTime> RunTimes::read() const {
    std::map<std::string, RunTime> times;
    for (const auto& [name, program] : programs_) {
        const auto info = info_of(program.get());
        times[name] = {info.run_time_ns, info.run_cnt};
    }
    return times;
}

}  // namespace reseat::bench
