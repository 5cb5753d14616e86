// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/forbidden_sockets.hpp"

#include "bpf/maps/byte_order.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

/// Appends the target if the policy that denies it ends it.
void add_denied(Target target, const lb::AccessPolicy& denial, const std::vector<lb::AccessPolicy>& policies,
                std::vector<Target>& targets) {
    if (!ends_sockets(denial)) return;
    const auto before = std::span(policies.data(), &denial);
    target.report = static_cast<std::size_t>(std::ranges::count_if(before, ends_sockets));
    targets.push_back(std::move(target));
}

}  // namespace

bool ends_sockets(const lb::AccessPolicy& policy) {
    return policy.action == lb::PolicyAction::deny && policy.existing == lb::ExistingSockets::terminate;
}

Target target_of(const WorkloadSocket& socket) {
    return {.flow = {.cookie = socket.tuple.cookie,
                     .netns = socket.netns,
                     .local = socket.tuple.local,
                     .remote = socket.tuple.remote,
                     .ifindex = socket.tuple.ifindex}};
}

std::vector<Target> forbidden_in_index(const Programs& programs,
                                       const std::vector<lb::AccessPolicy>& policies) {
    std::vector<Target> targets;
    FlowIndex(programs).each([&](Flow flow) {
        // Connected elsewhere since, or its source port is not known yet: it is found by a dump.
        if (flow.left() || flow.local.port_be == 0) return;
        const auto protocol = flow.is_udp() ? Protocol::udp : Protocol::tcp;
        const auto* denial = denied_by(policies, from_kernel(flow.dialled), protocol);
        if (denial) add_denied({.flow = std::move(flow)}, *denial, policies, targets);
    });
    return targets;
}

std::vector<Target> forbidden_among(const std::vector<WorkloadSocket>& sockets,
                                    const std::vector<lb::AccessPolicy>& policies) {
    std::vector<Target> targets;
    for (const WorkloadSocket& socket : sockets) {
        const auto protocol = socket.tuple.remote.protocol;
        const auto* denial = protocol == IPPROTO_RAW   ? denied_by(policies, socket.dialled.address)
                             : protocol == IPPROTO_UDP ? denied_by(policies, socket.dialled, Protocol::udp)
                                                       : denied_by(policies, socket.dialled, Protocol::tcp);
        if (denial) add_denied(target_of(socket), *denial, policies, targets);
    }
    return targets;
}

}  // namespace reseat::bpf
