// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/untracked_sockets.hpp"

#include "bpf/maps/byte_order.hpp"

#include <set>

namespace reseat::bpf {

Result<void> UntrackedSockets::add(WorkloadSockets& sockets) {
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        const auto found = sockets.connected(protocol);
        if (!found) return found.error();
        for (const auto& socket : *found) peers_.emplace(socket.tuple.cookie, socket.tuple.remote);
    }
    return {};
}

Result<std::vector<SocketTuple>> UntrackedSockets::connected_to(
    WorkloadSockets& sockets, Protocol protocol, const std::vector<Endpoint>& destinations) const {
    std::vector<SocketTuple> tuples;
    const auto found = sockets.connected(protocol);
    if (!found) return found.error();
    const std::set<Endpoint> wanted(destinations.begin(), destinations.end());
    for (const auto& socket : *found) {
        const auto older = peers_.find(socket.tuple.cookie);
        // A UDP socket may have been connected again since: by us, then it is balanced; or elsewhere.
        if (older == peers_.end() || socket.balanced || !same_endpoint(older->second, socket.tuple.remote))
            continue;
        if (wanted.contains(socket.dialled)) tuples.push_back(socket.tuple);
    }
    return tuples;
}

}  // namespace reseat::bpf
