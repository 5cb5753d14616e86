// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/udp_resolver.hpp"

#include "bpf/maps/byte_order.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <string>
#include <unordered_map>

#include <netinet/in.h>

namespace reseat::bpf {

Result<void> resolve_udp(SockDiag& diag, std::span<Flow> flows) {
    // A socket may be filed under several lives; only the one that it is connected to is resolved.
    std::unordered_multimap<std::uint64_t, Flow*> wanted;
    for (Flow& flow : flows)
        if (!flow.resolved()) wanted.emplace(flow.cookie, &flow);
    if (wanted.empty()) return {};
    const __be16 port_be = wanted.begin()->second->remote.port_be;
    const bool one_port = std::ranges::all_of(
        wanted, [port_be](const auto& entry) { return entry.second->remote.port_be == port_be; });
    const DumpFilter filter{.protocol = IPPROTO_UDP,
                            .states = kConnectedUdp,
                            .remote_port_be = one_port ? port_be : static_cast<__be16>(0)};
    return diag.dump(filter, [&wanted](const DiagSocket& socket) {
        const auto [from, to] = wanted.equal_range(socket.tuple.cookie);
        for (auto entry = from; entry != to; ++entry) {
            Flow& flow = *entry->second;
            if (!same_endpoint(socket.tuple.remote, flow.remote)) continue;
            flow.local = socket.tuple.local;
            flow.ifindex = socket.tuple.ifindex;
            flow.inode = socket.inode;
        }
    });
}

bool resolve_udp_in(NetNamespaces& namespaces, std::uint64_t netns, std::span<Flow> flows) {
    try {
        std::string why;
        const auto diag = namespaces.channel(netns, flows.front().pid, why);
        return diag && resolve_udp(*diag, flows);
    } catch (const std::exception& error) {
        spdlog::debug("connected UDP sockets in one network namespace cannot be listed: {}", error.what());
        return false;
    }
}

}  // namespace reseat::bpf
