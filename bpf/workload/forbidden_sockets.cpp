// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/forbidden_sockets.hpp"

#include <algorithm>

namespace reseat::bpf {

bool ends_sockets(const lb::AccessPolicy& policy) {
    return policy.action == lb::PolicyAction::deny && policy.existing == lb::ExistingSockets::terminate;
}

Result<std::vector<Target>> find_forbidden(WorkloadSockets& sockets,
                                           const std::vector<lb::AccessPolicy>& policies) {
    std::vector<Target> targets;
    const auto judge = [&](const WorkloadSocket& socket, const lb::AccessPolicy* denial) {
        if (!denial || !ends_sockets(*denial)) return;
        const auto before = std::span(policies.data(), denial);
        targets.push_back(
            {socket.tuple, static_cast<std::size_t>(std::ranges::count_if(before, ends_sockets))});
    };
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        const auto found = sockets.connected(protocol);
        if (!found) return found.error();
        for (const auto& socket : *found) judge(socket, denied_by(policies, socket.dialled, protocol));
    }
    const auto raw = sockets.raw();
    if (!raw) return raw.error();
    for (const auto& socket : *raw) judge(socket, denied_by(policies, socket.dialled.address));
    return targets;
}

}  // namespace reseat::bpf
