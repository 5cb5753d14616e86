// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/flow_index.hpp"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

constexpr std::uint32_t kBatch = 512;

}  // namespace

bool Flow::is_udp() const {
    return value.remote.protocol == IPPROTO_UDP;
}

template <class Visit>
void FlowIndex::walk(std::uint32_t drawer, Visit visit) const {
    const int fd = programs_.drawers()[drawer].get();
    std::vector<lb_flow_key> keys(kBatch);
    std::vector<lb_flow> values(kBatch);
    std::uint32_t position = 0;
    bool first = true;
    while (true) {
        std::uint32_t count = static_cast<std::uint32_t>(keys.size());
        bpf_map_batch_opts how{.sz = sizeof(how)};
        std::uint32_t next = 0;
        const int failure = bpf_map_lookup_batch(fd, first ? nullptr : &position, &next, keys.data(),
                                                 values.data(), &count, &how);
        if (failure && errno == ENOSPC) {  // one bucket holds more than fits: ask for it again, with room
            keys.resize(keys.size() * 2);
            values.resize(keys.size());
            continue;
        }
        if (failure && errno != ENOENT) return;
        for (std::uint32_t i = 0; i < count; ++i) visit(keys[i], values[i]);
        if (failure) return;  // ENOENT: that was the last batch
        position = next;
        first = false;
    }
}

std::vector<Flow> FlowIndex::of_life(std::uint32_t backend, lb::LifeId life) const {
    std::vector<Flow> found;
    each_of_life(backend, life, [&](const Flow& flow) { found.push_back(flow); });
    return found;
}

void FlowIndex::each_of_life(std::uint32_t backend, lb::LifeId life,
                             const std::function<void(const Flow&)>& visit) const {
    const lb_backend& element = programs_.backends[backend];
    for (std::uint32_t drawer = 0; drawer < programs_.drawers().size(); ++drawer) {
        const std::uint64_t word = __atomic_load_n(&element.drawers[drawer / 64], __ATOMIC_ACQUIRE);
        if (word & 1ull << drawer % 64)
            walk(drawer, [&](const lb_flow_key& key, const lb_flow& value) {
                if ((key.life & ~LB_FLOW_LEFT) == life) visit({key, value, drawer});
            });
    }
}

std::vector<Flow> FlowIndex::unresolved() const {
    std::vector<Flow> found;
    for (std::uint32_t drawer = 0; drawer < programs_.drawers().size(); ++drawer)
        walk(drawer, [&](const lb_flow_key& key, const lb_flow& value) {
            if (value.remote.protocol == IPPROTO_UDP && (value.local.port_be == 0 || value.inode == 0))
                found.push_back({key, value, drawer});
        });
    return found;
}

void FlowIndex::remove(std::span<const Flow> flows) const {
    for (const Flow& flow : flows)
        if (flow.indexed)
            programs_.unfile({.key = flow.key,
                              .since_ns = flow.value.since_ns,
                              .drawer = flow.drawer,
                              .backend = flow.value.backend});
}

void FlowIndex::remove_left(Flow flow) const {
    flow.key.life |= LB_FLOW_LEFT;
    remove({&flow, 1});
}

void FlowIndex::complete(const Flow& flow) const {
    bpf_map_update_elem(programs_.drawers()[flow.drawer].get(), &flow.key, &flow.value, BPF_EXIST);
}

}  // namespace reseat::bpf
