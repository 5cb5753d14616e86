// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/programs.hpp"

#include "bpf/maps/load_failure.hpp"

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

std::string chunk_name(std::uint32_t number) {
    return "flows-" + std::to_string(number);
}

UniqueFd duplicate(int fd) {
    return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/// The number of elements of a map.
Result<std::uint32_t> elements_of(int fd) {
    bpf_map_info info{};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &size)) return system_error("ask for the size of a map", errno);
    return info.max_entries;
}

}  // namespace

Result<std::unique_ptr<Programs>> Programs::load(const KernelOptions& options, const MapSizes& sizes,
                                                 OpenMaps adopted) {
    libbpf_set_print(print_libbpf);
    std::unique_ptr<Programs> programs(new Programs());
    programs->fixed_.pretend_later = options.pretend_later_version;
    programs->fixed_.refuse_mptcp = options.refuse_mptcp;
    auto flows = adopted.empty() ? programs->make_flows(options) : programs->adopt_flows(adopted);
    if (!flows) return flows.error();
    auto set = MapSet::load(sizes, programs->fixed_, adopted);
    if (!set) return set.error();
    programs->shared_ = (*set)->shareable();
    if (auto mapped = programs->map_policies(); !mapped) return mapped.error();
    if (auto mapped = programs->fixed_.flows->map_tags(programs->fixed_fd("lb_flow_tags")); !mapped)
        return mapped.error();
    programs->use(std::move(*set));
    if (auto usable = programs->use_chunks(); !usable) return usable.error();
    programs->forget_repoints();
    programs->owners_ = OwnerScan::load(programs->owner_fd());
    return programs;
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

Result<void> Programs::make_flows(const KernelOptions& options) {
    const std::uint32_t most = std::max(options.most_index_chunks, options.index_chunks);
    fixed_.flows = std::make_shared<FlowMemory>(options.index_chunk, most);
    for (std::uint32_t i = 0; i < std::max(options.index_chunks, 1u); ++i) {
        auto chunk = fixed_.flows->make_chunk();
        if (!chunk) return chunk.error();
        if (auto added = fixed_.flows->add(std::move(*chunk)); !added) return added;
    }
    return {};
}

Result<void> Programs::adopt_flows(OpenMaps& adopted) {
    const auto first = adopted.find(chunk_name(0)), all = adopted.find("lb_flows");
    if (first == adopted.end() || all == adopted.end())
        return Error{ErrorCode::failed, "the pinned socket index is incomplete"};
    const auto chunk = elements_of(first->second.get()), most = elements_of(all->second.get());
    if (!chunk) return chunk.error();
    if (!most) return most.error();
    fixed_.flows = std::make_shared<FlowMemory>(*chunk, *most);
    for (auto next = first; next != adopted.end(); next = adopted.find(chunk_name(fixed_.flows->chunks())))
        if (auto added = fixed_.flows->add(std::move(next->second)); !added) return added;
    return {};
}

Result<std::vector<UniqueFd>> Programs::make_chunks() const {
    std::vector<UniqueFd> chunks;
    const FlowMemory& has = flows();
    const std::uint32_t count = std::min(has.chunks(), has.most_chunks() - has.chunks());
    while (chunks.size() < count) {
        auto chunk = has.make_chunk();
        if (!chunk) return chunk.error();
        chunks.push_back(std::move(*chunk));
    }
    return chunks;
}

Result<OpenMaps> Programs::take_chunks(std::vector<UniqueFd> chunks) {
    OpenMaps named;
    for (UniqueFd& chunk : chunks) {
        const std::uint32_t number = flows().chunks();
        if (auto added = fixed_.flows->add(std::move(chunk)); !added) return added.error();
        named.emplace(chunk_name(number), duplicate(flows().chunk_fd(number)));
    }
    return named;
}

std::uint32_t Programs::usable_flows() const {
    const std::uint32_t zero = 0;
    lb_index index{};
    bpf_map_lookup_elem(fixed_fd("lb_index"), &zero, &index);  // of element 0 of an array it always succeeds
    return index.flows;
}

Result<void> Programs::use_chunks() const {
    const std::uint32_t usable = usable_flows();
    const std::uint32_t end = flows().chunks();
    std::vector<std::uint32_t> keys, fds;
    for (std::uint32_t i = usable / flows().chunk(); i < end; ++i) {
        keys.push_back(i);
        fds.push_back(static_cast<std::uint32_t>(flows().chunk_fd(i)));
    }
    auto count = static_cast<std::uint32_t>(keys.size());
    if (count == 0) return {};
    // In one system call: each single update of a map-in-map waits for an RCU grace period.
    if (bpf_map_update_batch(fixed_fd("lb_flows"), keys.data(), fds.data(), &count, nullptr))
        return system_error("cannot extend the index of sockets", errno);
    const std::lock_guard<std::mutex> lock(replacing_);
    return set_->add_flows(usable, end * flows().chunk() - usable, end < flows().most_chunks());
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
        const auto elements = elements_of(fixed_fd(name));
        if (!elements) return elements.error().in(name);
        auto mapped = std::decay_t<decltype(array)>::map(fixed_fd(name), *elements);
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
    for (std::uint32_t i = 0; i < flows().chunks(); ++i)
        maps.emplace(chunk_name(i), duplicate(flows().chunk_fd(i)));
    return maps;
}

std::optional<lb_service> Programs::find_service(const lb_endpoint& dialled) const {
    const std::lock_guard<std::mutex> lock(replacing_);
    lb_service service{};
    if (bpf_map_lookup_elem(set_->fd("lb_services"), &dialled, &service) != 0) return std::nullopt;
    return service;
}

void Programs::unfile(const lb_unfilings& flows) const {
    const std::lock_guard<std::mutex> lock(replacing_);
    set_->unfile(flows);
}

std::uint64_t Programs::stat(std::uint32_t id) const {
    std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(fixed_fd("lb_stats"), &id, per_cpu.data()) != 0) return 0;
    return std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0});
}

}  // namespace reseat::bpf
