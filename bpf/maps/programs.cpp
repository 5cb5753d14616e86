// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/programs.hpp"

#include "bpf/maps/load_failure.hpp"
#include "bpf/owned.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>

#include <fcntl.h>

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

std::string drawer_name(std::size_t number) {
    return "drawer-" + std::to_string(number);
}

}  // namespace

Result<std::unique_ptr<Programs>> Programs::load(const KernelOptions& options, const MapSizes& sizes,
                                                 OpenMaps adopted) {
    libbpf_set_print(print_libbpf);
    std::unique_ptr<Programs> programs(new Programs());
    programs->fixed_.pretend_later = options.pretend_later_version;
    programs->fixed_.refuse_mptcp = options.refuse_mptcp;
    auto drawers = adopted.empty() ? programs->make_drawers(
                                         std::clamp<std::uint32_t>(options.flow_drawers, 1, LB_MAX_DRAWERS),
                                         options.drawer_entries)
                                   : programs->adopt_drawers(adopted);
    if (!drawers) return drawers.error();
    auto set = MapSet::load(sizes, programs->fixed_, adopted);
    if (!set) return set.error();
    programs->shared_ = (*set)->shareable();
    if (auto mapped = programs->map_policies(); !mapped) return mapped.error();
    programs->use(std::move(*set));
    programs->forget_repoints();
    programs->owned_ = owned_bpf__open_and_load();
    if (!programs->owned_) spdlog::debug("no iterator over owners: it needs CAP_PERFMON and BTF");
    return programs;
}

Programs::~Programs() {
    owned_bpf__destroy(owned_);
}

Result<std::unique_ptr<MapSet>> Programs::load_beside(const MapSizes& sizes) const {
    return MapSet::load(sizes, fixed_, shared_);
}

std::unique_ptr<MapSet> Programs::use(std::unique_ptr<MapSet> next) {
    backends.use(std::move(next->view.backends));
    outcomes.use(std::move(next->view.outcomes));
    slots.use(std::move(next->view.slots));
    tables.use(std::move(next->view.tables));
    const std::lock_guard<std::mutex> lock(replacing_);
    return std::exchange(set_, std::move(next));
}

Result<void> Programs::make_drawers(std::uint32_t count, std::uint32_t entries) {
    bpf_map_create_opts how{.sz = sizeof(how), .map_flags = BPF_F_NO_PREALLOC};
    for (std::uint32_t i = 0; i < count; ++i) {
        UniqueFd drawer(bpf_map_create(BPF_MAP_TYPE_HASH, "lb_drawer", sizeof(lb_flow_key), sizeof(lb_flow),
                                       entries, &how));
        if (!drawer) return load_failure(errno);
        fixed_.drawers.push_back(std::move(drawer));
    }
    return {};
}

Result<void> Programs::adopt_drawers(OpenMaps& adopted) {
    for (auto found = adopted.find(drawer_name(0)); found != adopted.end();
         found = adopted.find(drawer_name(fixed_.drawers.size())))
        fixed_.drawers.push_back(std::move(found->second));
    if (fixed_.drawers.empty()) return Error{ErrorCode::failed, "the pinned socket index is incomplete"};
    return {};
}

/// Of a process that was killed while it moved sockets. They would be taken to be moved for ever.
void Programs::forget_repoints() const {
    const std::uint64_t ours = 0;
    std::vector<std::uint64_t> cookies;
    std::uint64_t cookie = 0;
    for (int more = bpf_map_get_next_key(repoint_fd(), nullptr, &cookie); more == 0;
         more = bpf_map_get_next_key(repoint_fd(), &cookie, &cookie))
        if (cookie != ours) cookies.push_back(cookie);
    for (const std::uint64_t left : cookies) bpf_map_delete_elem(repoint_fd(), &left);
}

Result<void> Programs::map_policies() {
    auto map = [this](const char* name, auto& array) -> Result<void> {
        bpf_map_info info{};
        __u32 size = sizeof(info);
        if (bpf_obj_get_info_by_fd(fixed_fd(name), &info, &size)) return system_error(name, errno);
        auto mapped = std::decay_t<decltype(array)>::map(fixed_fd(name), info.max_entries);
        if (!mapped) return mapped.error();
        array = std::move(*mapped);
        return {};
    };
    if (auto done = map("lb_rules", rules); !done) return done;
    if (auto done = map("lb_rule_sets", rule_sets); !done) return done;
    return map("lb_denials", denials);
}

OpenMaps Programs::to_be_pinned(const MapSet& set) const {
    OpenMaps maps = set.all();
    for (std::size_t i = 0; i < fixed_.drawers.size(); ++i)
        maps.emplace(drawer_name(i), UniqueFd(fcntl(fixed_.drawers[i].get(), F_DUPFD_CLOEXEC, 0)));
    return maps;
}

std::optional<lb_service> Programs::find_service(const lb_endpoint& dialled) const {
    const std::lock_guard<std::mutex> lock(replacing_);
    lb_service service{};
    if (bpf_map_lookup_elem(set_->fd("lb_services"), &dialled, &service) != 0) return std::nullopt;
    return service;
}

void Programs::unfile(const lb_unfiling& entry) const {
    const std::lock_guard<std::mutex> lock(replacing_);
    set_->unfile(entry);
}

std::uint64_t Programs::stat(std::uint32_t id) const {
    std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(fixed_fd("lb_stats"), &id, per_cpu.data()) != 0) return 0;
    return std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0});
}

Result<Programs::OwnedSockets> Programs::iterate_owned(lb::LifeId life) const {
    if (!owned_)
        return Error{ErrorCode::unsupported,
                     "sockets that are not in the index cannot be found without CAP_PERFMON and BTF"};
    OwnedSockets sockets{.turn = std::unique_lock(iterating_), .fd = {}};
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(owned_->maps.lb_wanted), &zero, &life, BPF_ANY))
        return system_error("lb_wanted", errno);
    bpf_iter_link_info which{};
    which.map.map_fd = static_cast<__u32>(owner_fd());
    bpf_iter_attach_opts how{};
    how.sz = sizeof(how);
    how.link_info = &which;
    how.link_info_len = sizeof(which);
    bpf_link* link = bpf_program__attach_iter(owned_->progs.lb_owned, &how);
    if (!link) return system_error("attach lb_owned", errno);
    sockets.fd.reset(bpf_iter_create(bpf_link__fd(link)));
    const int number = errno;
    bpf_link__destroy(link);  // the descriptor holds it
    if (!sockets.fd) return system_error("iterate lb_owner", number);
    return sockets;
}

}  // namespace reseat::bpf
