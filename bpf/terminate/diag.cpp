// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/diag.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/terminate/tuple.hpp"

#include <unordered_map>
#include <utility>

namespace reseat::bpf {

void DiagEngine::end(Ending& ending) {
    if (!ending.diag) return;
    std::unordered_map<std::uint64_t, Flow> wanted;
    for (auto* from : {&ending.unseen, &ending.open})
        std::erase_if(*from, [&](const Flow& flow) {
            return !flow.multipath && wanted.emplace(flow.cookie, flow).second;
        });
    if (wanted.empty()) return;
    std::vector<Flow> found;
    const DumpFilter filter{.protocol = ending.backend.protocol,
                            .states = ending.is_udp() ? kConnectedUdp : kLiveTcpStates,
                            .remote_port_be = ending.backend.port_be};
    const auto dumped = ending.diag->dump(filter, [&](const DiagSocket& socket) {
        const auto entry = wanted.find(socket.tuple.cookie);
        if (entry == wanted.end() || !same_endpoint(socket.tuple.remote, ending.backend)) return;
        Flow flow = entry->second;
        flow.local = socket.tuple.local;
        flow.ifindex = socket.tuple.ifindex;
        flow.inode = socket.inode;
        found.push_back(flow);
        wanted.erase(entry);
    });
    for (const auto& [cookie, flow] : wanted)
        dumped ? ending.gone(flow) : ending.stays(flow, dumped.error().message);
    end_by_tuple(ending, std::move(found), false);
    if (!ending.is_udp()) return;
    // There a moment ago, and not found by its tuple: a twin with the same one, of another life, comes first.
    for (Flow& flow : std::exchange(ending.unseen, {})) {
        flow.hidden = true;
        ending.stays(flow, "another socket has the same addresses");
    }
}

}  // namespace reseat::bpf
