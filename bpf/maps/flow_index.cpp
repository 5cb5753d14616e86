// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/flow_index.hpp"

#include <algorithm>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

constexpr std::uint64_t kOfLife = 0xffffffff;  // see LB_TAG_LIFE

Flow flow_of(std::uint32_t number, const TaggedFlow& entry) {
    const lb_flow& known = entry.flow;
    Flow flow{.cookie = known.cookie,
              .life = known.life,
              .netns = known.netns,
              .local = known.local,
              .remote = known.remote,
              .dialled = known.dialled,
              .ifindex = known.ifindex,
              .pid = known.pid,
              .since = std::chrono::nanoseconds(known.since_ns),
              .number = number,
              .tag = entry.tag,
              .subflow = (known.flags & LB_FLOW_SUBFLOW) != 0};
    if (flow.is_udp() && known.completion.generation == LB_GENERATION(entry.tag)) {
        flow.local = known.completion.local;
        flow.ifindex = known.completion.ifindex;
        flow.inode = known.completion.inode;
        flow.fd = known.completion.fd;
    }
    return flow;
}

}  // namespace

bool Flow::is_udp() const {
    return remote.protocol == IPPROTO_UDP;
}

std::chrono::nanoseconds Flow::age() const {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();  // CLOCK_MONOTONIC
    return std::max(now - since, std::chrono::nanoseconds::zero());
}

std::optional<Flow> FlowIndex::read(std::uint32_t number) const {
    const auto entry = programs_.flows().read(number);
    return entry ? std::optional(flow_of(number, *entry)) : std::nullopt;
}

std::vector<Flow> FlowIndex::of_life(std::uint32_t backend, lb::LifeId life) const {
    std::vector<Flow> found;
    programs_.flows().each_tagged(kOfLife, backend + 1, [&](std::uint32_t number) {
        if (auto flow = read(number); flow && flow->life == life) found.push_back(std::move(*flow));
    });
    return found;
}

void FlowIndex::each_of_lives(std::span<const FiledLife> lives,
                              const std::function<void(Flow)>& visit) const {
    std::vector<lb::LifeId> wanted;  // by element
    for (const auto& [backend, life] : lives) {
        if (wanted.size() <= backend) wanted.resize(backend + 1);
        wanted[backend] = life;
    }
    programs_.flows().each_in_use([&](std::uint32_t number, std::uint64_t tag) {
        const std::uint32_t backend = LB_TAG_LIFE(tag) - 1;
        if (backend >= wanted.size() || wanted[backend] == 0) return;
        if (auto flow = read(number); flow && flow->life == wanted[backend]) visit(std::move(*flow));
    });
}

void FlowIndex::each(const std::function<void(Flow)>& visit) const {
    programs_.flows().each_in_use([&](std::uint32_t number, std::uint64_t /*tag*/) {
        if (auto flow = read(number)) visit(std::move(*flow));
    });
}

std::vector<Flow> FlowIndex::unresolved() const {
    std::vector<Flow> found;
    programs_.flows().each_tagged(LB_TAG_UDP, LB_TAG_UDP, [&](std::uint32_t number) {
        if (auto flow = read(number); flow && !flow->resolved()) found.push_back(std::move(*flow));
    });
    return found;
}

void FlowIndex::remove(std::span<const Flow> flows) const {
    lb_unfilings some{};
    std::size_t count = 0;
    for (const Flow& flow : flows) {
        if (!flow.indexed()) continue;
        some.flows[count++] = {.tag = flow.tag, .life = flow.life, .number = flow.number, .pad = 0};
        if (count < LB_UNFILINGS) continue;
        programs_.unfile(some);
        some = {};
        count = 0;
    }
    if (count > 0) programs_.unfile(some);
}

void FlowIndex::remove_left(Flow flow) const {
    if (!flow.indexed()) return;
    flow.tag |= LB_TAG_LEFT;
    remove({&flow, 1});
}

void FlowIndex::complete(const Flow& flow) const {
    programs_.flows().complete(flow.number, {.generation = LB_GENERATION(flow.tag),
                                             .ifindex = flow.ifindex,
                                             .local = flow.local,
                                             .inode = flow.inode,
                                             .fd = flow.fd});
}

}  // namespace reseat::bpf
