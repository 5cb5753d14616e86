// SPDX-License-Identifier: Apache-2.0
#include "bpf/programs.hpp"

#include "bpf/lb.skel.h"
#include "bpf/multipath.skel.h"
#include "bpf/owned.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>

namespace reseat::bpf {
namespace {

/// libbpf's own words: details for --log debug, never the user's error line.
int print_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG || !spdlog::should_log(spdlog::level::debug)) return 0;
    std::array<char, 1024> line;
    vsnprintf(line.data(), line.size(), format, arguments);
    std::string text(line.data());
    while (text.ends_with('\n')) text.pop_back();
    spdlog::debug("{}", text);
    return 0;
}

lb::Error load_failure(int number) {
    if (number == EPERM)
        return {
            lb::ErrorCode::unsupported,
            "cannot load BPF programs (EPERM): run as root, or give CAP_BPF and CAP_NET_ADMIN, and let the "
            "container's seccomp profile through bpf(); `reseat doctor` tells which"};
    return lb::system_error("cannot load BPF programs (`reseat doctor` tells what the kernel lacks)", number,
                            lb::ErrorCode::unsupported);
}

constexpr std::size_t kSlotsPerBackend = 32;

}  // namespace

lb::Result<std::unique_ptr<Programs>> Programs::load(const KernelOptions& options) {
    libbpf_set_print(print_libbpf);
    lb_bpf* skeleton = lb_bpf__open();
    if (!skeleton) return load_failure(errno);
    std::unique_ptr<Programs> programs(new Programs(skeleton));

    const std::uint32_t drawers = std::clamp<std::uint32_t>(options.flow_drawers, 1, LB_MAX_DRAWERS);
    bpf_map__set_max_entries(skeleton->maps.lb_services, options.max_services);
    bpf_map__set_max_entries(skeleton->maps.lb_tables, LB_TABLE_INDEX(options.max_services + 1, 0));
    bpf_map__set_max_entries(skeleton->maps.lb_turns, options.max_services + 1);
    bpf_map__set_max_entries(skeleton->maps.lb_slots, options.max_backends * kSlotsPerBackend);
    bpf_map__set_max_entries(skeleton->maps.lb_backends, options.max_backends);
    bpf_map__set_max_entries(skeleton->maps.lb_peers, 2 * options.max_backends);
    bpf_map__set_max_entries(skeleton->maps.lb_flows, drawers);
    if (auto made = programs->make_drawers(drawers, options.drawer_entries); !made) return made.error();
    bpf_map__set_inner_map_fd(skeleton->maps.lb_flows, programs->drawers.front().get());
    skeleton->rodata->cfg_drawers = drawers;
    skeleton->rodata->cfg_has_set_retval =
        libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, nullptr) == 1;

    if (const int failure = lb_bpf__load(skeleton)) return load_failure(-failure);
    programs->owned_ = owned_bpf__open_and_load();
    if (!programs->owned_) spdlog::debug("no iterator over owners: it needs CAP_PERFMON and BTF");
    programs->multipath_ = multipath_bpf__open_and_load();
    programs->refuse_mptcp_ = options.refuse_mptcp;
    if (auto filled = programs->fill_flows(); !filled) return filled.error();
    if (auto mapped = programs->map_arrays(); !mapped) return mapped.error();
    if (auto introduced = programs->introduce(); !introduced) return introduced.error();
    return programs;
}

Programs::~Programs() {
    multipath_bpf__destroy(multipath_);
    owned_bpf__destroy(owned_);
    lb_bpf__destroy(skeleton_);
}

lb::Result<void> Programs::make_drawers(std::uint32_t count, std::uint32_t entries) {
    bpf_map_create_opts how{.sz = sizeof(how), .map_flags = BPF_F_NO_PREALLOC};
    for (std::uint32_t i = 0; i < count; ++i) {
        UniqueFd drawer(bpf_map_create(BPF_MAP_TYPE_HASH, "lb_drawer", sizeof(lb_flow_key), sizeof(lb_flow),
                                       entries, &how));
        if (!drawer) return load_failure(errno);
        drawers.push_back(std::move(drawer));
    }
    return {};
}

/// In one system call: each single update of a map-in-map waits for an RCU grace period.
lb::Result<void> Programs::fill_flows() {
    std::vector<std::uint32_t> keys, fds;
    for (const UniqueFd& drawer : drawers) {
        keys.push_back(static_cast<std::uint32_t>(keys.size()));
        fds.push_back(static_cast<std::uint32_t>(drawer.get()));
    }
    auto count = static_cast<std::uint32_t>(keys.size());
    if (bpf_map_update_batch(bpf_map__fd(skeleton_->maps.lb_flows), keys.data(), fds.data(), &count, nullptr))
        return lb::system_error("cannot fill the socket index", errno);
    return {};
}

lb::Result<void> Programs::map_arrays() {
    auto map = [](bpf_map* array, auto& memory) -> lb::Result<void> {
        auto mapped = std::decay_t<decltype(memory)>::map(bpf_map__fd(array), bpf_map__max_entries(array));
        if (!mapped) return mapped.error();
        memory = std::move(*mapped);
        return {};
    };
    if (auto done = map(skeleton_->maps.lb_tables, tables); !done) return done;
    if (auto done = map(skeleton_->maps.lb_slots, slots); !done) return done;
    if (auto done = map(skeleton_->maps.lb_rules, rules); !done) return done;
    if (auto done = map(skeleton_->maps.lb_rule_sets, rule_sets); !done) return done;
    if (auto done = map(skeleton_->maps.lb_denials, denials); !done) return done;
    return map(skeleton_->maps.lb_backends, backends);
}

lb::Result<void> Programs::introduce() {
    const lb_meta meta{.abi_version = LB_ABI_VERSION, .pad = 0, .next_life = 1};
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(meta_fd(), &zero, &meta, BPF_ANY)) return lb::system_error("lb_meta", errno);
    bpf_test_run_opts run{.sz = sizeof(run)};
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.lb_introduce), &run))
        return lb::system_error("cannot run a BPF program of type syscall", errno,
                                lb::ErrorCode::unsupported);
    return {};
}

std::vector<bpf_program*> Programs::attachable() const {
    const auto& p = skeleton_->progs;
    std::vector<bpf_program*> programs = {p.lb_release,  p.lb_sockops,  p.lb_getpeername4, p.lb_getpeername6,
                                          p.lb_recvmsg4, p.lb_recvmsg6, p.lb_sendmsg4,     p.lb_sendmsg6,
                                          p.lb_connect4, p.lb_connect6};
    if (multipath_) programs.push_back(multipath_->progs.lb_multipath);
    if (refuse_mptcp_) programs.push_back(p.lb_create);
    return programs;
}

lb::Result<UniqueFd> Programs::iterate_owned() const {
    if (!owned_)
        return lb::Error{lb::ErrorCode::unsupported,
                         "sockets beyond the index cannot be found without CAP_PERFMON and BTF"};
    bpf_iter_link_info which{};
    which.map.map_fd = static_cast<__u32>(owner_fd());
    bpf_iter_attach_opts how{};
    how.sz = sizeof(how);
    how.link_info = &which;
    how.link_info_len = sizeof(which);
    bpf_link* link = bpf_program__attach_iter(owned_->progs.lb_owned, &how);
    if (!link) return lb::system_error("attach lb_owned", errno);
    UniqueFd fd(bpf_iter_create(bpf_link__fd(link)));
    const int number = errno;
    bpf_link__destroy(link);  // the descriptor holds it
    if (!fd) return lb::system_error("iterate lb_owner", number);
    return fd;
}

int Programs::meta_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_meta);
}
int Programs::services_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_services);
}
int Programs::turns_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_turns);
}
int Programs::peers_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_peers);
}
int Programs::owner_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_owner);
}
int Programs::repoint_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_repoint);
}
int Programs::events_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_events);
}
int Programs::stats_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_stats);
}
int Programs::policies_fd() const {
    return bpf_map__fd(skeleton_->maps.lb_policies);
}

}  // namespace reseat::bpf
