// SPDX-License-Identifier: Apache-2.0
#include "bpf/workload/untracked_sockets.hpp"

#include "bpf/maps/byte_order.hpp"

#include <set>

namespace reseat::bpf {

UntrackedSockets::UntrackedSockets(const std::vector<WorkloadSocket>& now) {
    for (const auto& socket : now) peers_.emplace(socket.tuple.cookie, socket.tuple.remote);
}

std::vector<WorkloadSocket> UntrackedSockets::connected_to(const std::vector<WorkloadSocket>& now,
                                                           const std::vector<Endpoint>& destinations) const {
    std::vector<WorkloadSocket> found;
    const std::set<Endpoint> wanted(destinations.begin(), destinations.end());
    for (const auto& socket : now) {
        const auto older = peers_.find(socket.tuple.cookie);
        // A UDP socket may have been connected again since: by us, then it is balanced; or elsewhere.
        if (older == peers_.end() || socket.balanced || !same_endpoint(older->second, socket.tuple.remote))
            continue;
        if (wanted.contains(socket.dialled)) found.push_back(socket);
    }
    return found;
}

}  // namespace reseat::bpf
