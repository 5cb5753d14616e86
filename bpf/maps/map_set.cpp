// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/map_set.hpp"

#include "bpf/lb.skel.h"
#include "bpf/maps/load_failure.hpp"
#include "bpf/typed.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <span>
#include <string_view>

#include <fcntl.h>

namespace reseat::bpf {
namespace {

/// Each set has its own; all but the requests to programs (the last two) are copied into a new set.
constexpr std::array<std::string_view, 12> kOwn = {
    "lb_meta",  "lb_services", "lb_names",    "lb_words", "lb_tables",    "lb_turns",
    "lb_slots", "lb_backends", "lb_outcomes", "lb_peers", "lb_unfilings", "lb_more_flows"};

/// What sockets are known by: shared by all sets of one LB_OWNER_VERSION. The rest is shared where all of it
/// has the same shape, as some of it makes sense only together.
constexpr std::array<std::string_view, 7> kRecords = {
    "lb_owner", "lb_history", "lb_history_more", "lb_flows", "lb_flow_tags", "lb_free_flows", "lb_index"};

bool is_in(std::span<const std::string_view> names, const bpf_map* map) {
    return std::ranges::find(names, std::string_view(bpf_map__name(map))) != names.end();
}

bool same_shape(const bpf_map* map, int fd) {
    bpf_map_info info{};
    __u32 size = sizeof(info);
    return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.type == bpf_map__type(map) &&
           info.key_size == bpf_map__key_size(map) && info.value_size == bpf_map__value_size(map) &&
           info.max_entries == bpf_map__max_entries(map) && info.map_flags == bpf_map__map_flags(map);
}

/// May a connect hook ask for the name of the process? libbpf_probe_bpf_helper() of libbpf 1.1 says yes
/// everywhere, as it does not know how later kernels word their refusal.
bool may_ask_for_command() {
    constexpr std::array<bpf_insn, 6> kAsk = {{
        {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 10, .off = 0, .imm = 0},
        {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 1, .src_reg = 0, .off = 0, .imm = -16},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .src_reg = 0, .off = 0, .imm = 16},
        {.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = BPF_FUNC_get_current_comm},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    }};
    bpf_prog_load_opts how{};
    how.sz = sizeof(how);
    how.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
    const UniqueFd loaded(
        bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "lb_probe", "GPL", kAsk.data(), kAsk.size(), &how));
    return static_cast<bool>(loaded);
}

/// Has a program carry out a request, which it finds in `map`. One at a time.
template <class Request>
Result<void> run(const bpf_program* program, const bpf_map* map, const Request& request) {
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(bpf_map__fd(map), &zero, &request, BPF_ANY))
        return system_error(bpf_map__name(map), errno);
    std::array<std::uint8_t, 64> packet{};  // the program looks at none
    bpf_test_run_opts how{.sz = sizeof(how)};
    how.data_in = packet.data();
    how.data_size_in = packet.size();
    if (bpf_prog_test_run_opts(bpf_program__fd(program), &how))
        return system_error("cannot run a BPF program", errno);
    return {};
}

template <class T>
Result<void> map_array(const bpf_map* map, MappedArray<T>& array) {
    const std::size_t stride = (bpf_map__value_size(map) + 7) / 8 * 8;
    auto mapped = MappedArray<T>::map(bpf_map__fd(map), bpf_map__max_entries(map), stride);
    if (!mapped) return mapped.error();
    array = std::move(*mapped);
    return {};
}

}  // namespace

bool MapSizes::fits(const MapSizes& other) const {
    return services <= other.services && addresses <= other.addresses && backends <= other.backends &&
           slots <= other.slots;
}

MapSizes larger(const MapSizes& a, const MapSizes& b) {
    return {std::max(a.services, b.services), std::max(a.addresses, b.addresses),
            std::max(a.backends, b.backends), std::max(a.slots, b.slots)};
}

Result<std::unique_ptr<MapSet>> MapSet::load(const MapSizes& sizes, const Fixed& fixed,
                                             const OpenMaps& shared) {
    lb_bpf* skeleton = lb_bpf__open();
    if (!skeleton) return load_failure(errno);
    std::unique_ptr<MapSet> set(new MapSet(skeleton, sizes));
    set->set_sizes(fixed);
    if (auto reused = set->reuse(shared); !reused) return reused.error();
    bpf_map__set_inner_map_fd(skeleton->maps.lb_flows, fixed.flows->chunk_fd(0));
    skeleton->rodata->cfg_chunk_bits = static_cast<std::uint32_t>(std::countr_zero(fixed.flows->chunk()));
    skeleton->rodata->cfg_has_set_retval =
        libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, nullptr) == 1;
    skeleton->rodata->cfg_has_comm = may_ask_for_command();
    if (const int failure = lb_bpf__load(skeleton)) return load_failure(-failure);
    set->refuse_mptcp_ = fixed.refuse_mptcp;
    set->load_typed();
    if (auto mapped = set->map_arrays(); !mapped) return mapped.error();
    if (auto introduced = set->introduce(); !introduced) return introduced.error();
    return set;
}

void MapSet::load_typed() {
    typed_ = typed_bpf__open();
    if (typed_ && use_maps_in(typed_->obj)) {
        typed_->rodata->cfg_chunk_bits = skeleton_->rodata->cfg_chunk_bits;
        if (typed_bpf__load(typed_) == 0) return;
    }
    spdlog::debug("TCP and Multipath TCP errors are not observed: this needs CAP_PERFMON and BTF");
    typed_bpf__destroy(typed_);
    typed_ = nullptr;
}

/// `other` shares the maps of the same names.
bool MapSet::use_maps_in(bpf_object* other) const {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, other) {
        if (bpf_map__is_internal(map)) continue;
        if (bpf_map__reuse_fd(map, fd(bpf_map__name(map))) != 0) return false;
    }
    return true;
}

MapSet::~MapSet() {
    typed_bpf__destroy(typed_);
    lb_bpf__destroy(skeleton_);
}

void MapSet::set_sizes(const Fixed& fixed) {
    const auto& maps = skeleton_->maps;
    bpf_map__set_max_entries(maps.lb_services, sizes_.addresses);
    bpf_map__set_max_entries(maps.lb_names, sizes_.services);
    bpf_map__set_max_entries(maps.lb_words, 2 * sizes_.backends);
    bpf_map__set_max_entries(maps.lb_tables, LB_TABLE_INDEX(sizes_.services, 0));
    bpf_map__set_max_entries(maps.lb_turns, LB_TABLE_INDEX(sizes_.services, 0));
    bpf_map__set_max_entries(maps.lb_slots, sizes_.slots);
    bpf_map__set_max_entries(maps.lb_backends, sizes_.backends);
    bpf_map__set_max_entries(maps.lb_outcomes, sizes_.backends);
    bpf_map__set_max_entries(maps.lb_peers, 2 * sizes_.backends);
    bpf_map__set_max_entries(maps.lb_flows, fixed.flows->most_chunks());
    bpf_map__set_max_entries(maps.lb_flow_tags, fixed.flows->most_size());
    bpf_map__set_max_entries(maps.lb_free_flows, fixed.flows->most_size() + fixed.flows->most_chunks());
    if (!fixed.pretend_later) return;
    bpf_map__set_value_size(maps.lb_backends, sizeof(lb_backend) + fixed.pretend_later);
    bpf_map__set_max_entries(maps.lb_stats, LB_STAT_COUNT + 1);
}

Result<void> MapSet::reuse(const OpenMaps& shared) {
    if (shared.empty()) return {};
    std::vector<bpf_map*> records, others;
    bool others_fit = true;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton_->obj) {
        if (bpf_map__is_internal(map) || is_in(kOwn, map)) continue;
        const auto known = shared.find(bpf_map__name(map));
        const bool fits = known != shared.end() && same_shape(map, known->second.get());
        if (!is_in(kRecords, map)) {
            others.push_back(map);
            others_fit = others_fit && fits;
        } else if (fits) {
            records.push_back(map);
        } else {
            return Error{ErrorCode::failed, std::string("the pinned map ") + bpf_map__name(map) +
                                                " is incompatible; remove it with `reseat detach`"};
        }
    }
    if (others_fit) records.insert(records.end(), others.begin(), others.end());
    for (bpf_map* wanted : records)
        if (const int failure = bpf_map__reuse_fd(wanted, shared.at(bpf_map__name(wanted)).get()))
            return system_error(std::string("reuse the map ") + bpf_map__name(wanted), -failure);
    return {};
}

Result<void> MapSet::add_flows(std::uint32_t first, std::uint32_t count, bool mark) const {
    lb_index more{.flows = first, .more = count, .mark = mark, .pad = 0};
    return run(skeleton_->progs.lb_add_flows, skeleton_->maps.lb_more_flows, more);
}

Result<void> MapSet::map_arrays() {
    const auto& maps = skeleton_->maps;
    for (const auto& done :
         {map_array(maps.lb_tables, tables), map_array(maps.lb_turns, turns), map_array(maps.lb_slots, slots),
          map_array(maps.lb_backends, backends), map_array(maps.lb_outcomes, outcomes),
          map_array(maps.lb_tables, view.tables), map_array(maps.lb_slots, view.slots),
          map_array(maps.lb_backends, view.backends), map_array(maps.lb_outcomes, view.outcomes)})
        if (!done) return done;
    return {};
}

Result<void> MapSet::introduce() {
    bpf_test_run_opts run{.sz = sizeof(run)};
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.lb_introduce), &run))
        return system_error("cannot run a BPF program of type syscall", errno, ErrorCode::unsupported);
    return {};
}

void MapSet::unfile(lb_unfilings flows) const {
    if (auto done = run(skeleton_->progs.lb_unfile, skeleton_->maps.lb_unfilings, flows); !done)
        spdlog::debug("cannot remove sockets from the index: {}", done.error().message);
}

std::vector<bpf_program*> MapSet::attachable() const {
    const auto& p = skeleton_->progs;
    std::vector<bpf_program*> programs;
    if (refuse_mptcp_) programs.push_back(p.lb_create);
    programs.insert(programs.end(), {p.lb_release, typed_ ? typed_->progs.lb_sockops : p.lb_sockops,
                                     p.lb_getpeername4, p.lb_getpeername6, p.lb_recvmsg4, p.lb_recvmsg6,
                                     p.lb_sendmsg4, p.lb_sendmsg6, p.lb_connect4, p.lb_connect6});
    return programs;
}

OpenMaps MapSet::duplicates(bool all) const {
    OpenMaps maps;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton_->obj) {
        if (bpf_map__is_internal(map) || (!all && is_in(kOwn, map))) continue;
        maps.emplace(bpf_map__name(map), UniqueFd(fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0)));
    }
    return maps;
}

OpenMaps MapSet::all() const {
    return duplicates(true);
}
OpenMaps MapSet::shareable() const {
    return duplicates(false);
}
int MapSet::fd(const char* map) const {
    return bpf_object__find_map_fd_by_name(skeleton_->obj, map);
}

}  // namespace reseat::bpf
