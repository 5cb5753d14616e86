// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/workload/workload_sockets.hpp"

namespace reseat::bpf {

/// The sockets of the workload that are older than the data path: what they are connected to was never noted.
class UntrackedSockets {
public:
    /// Before the programs are attached: what is connected now is older. A connect between this and the first
    /// hook is missed, and so its socket lives; one that comes after is never taken for an older one.
    /// For each network namespace.
    Result<void> add(WorkloadSockets& sockets);

    bool empty() const { return peers_.empty(); }

    /// Those that are still connected, straight and to the same peer as then, to one of `destinations`.
    Result<std::vector<SocketTuple>> connected_to(WorkloadSockets& sockets, Protocol protocol,
                                                  const std::vector<Endpoint>& destinations) const;

private:
    std::unordered_map<std::uint64_t, lb_endpoint> peers_;  ///< by cookie
};

}  // namespace reseat::bpf
