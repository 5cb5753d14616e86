// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/workload/workload_sockets.hpp"

#include <unordered_map>
#include <vector>

namespace reseat::bpf {

/// The sockets of the workload that are older than the data path: what they are connected to was never noted.
class UntrackedSockets {
public:
    UntrackedSockets() = default;
    /// `now`: those that are there before the programs are attached, which are older. A connect between this
    /// and the first hook is missed, and so its socket lives; one that comes after is never taken for an
    /// older one.
    explicit UntrackedSockets(const std::vector<WorkloadSocket>& now);

    bool empty() const { return peers_.empty(); }

    /// Which of `now` are still connected, straight and to the same peer as then, to one of `destinations`.
    std::vector<WorkloadSocket> connected_to(const std::vector<WorkloadSocket>& now,
                                             const std::vector<Endpoint>& destinations) const;

private:
    std::unordered_map<std::uint64_t, lb_endpoint> peers_;  ///< by cookie
};

}  // namespace reseat::bpf
