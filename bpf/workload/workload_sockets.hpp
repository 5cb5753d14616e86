// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "bpf/maps/programs.hpp"
#include "bpf/sockets/net_namespaces.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace reseat::bpf {

/// The ids of the cgroup2 directory and of all below it, as sock_diag reports them of sockets.
std::unordered_set<std::uint64_t> cgroup_ids(const std::string& cgroup);

/// One connected socket of the workload, balanced or not.
struct WorkloadSocket {
    SocketTuple tuple;
    std::uint64_t netns = 0;  ///< cookie of the network namespace
    /// What the application dialled to be connected there: the service address of a balanced socket, else its
    /// peer.
    Endpoint dialled;
    bool balanced = false;
};

struct WorkloadSockets {
    std::vector<WorkloadSocket> sockets;
    std::string why;  ///< of what could not be listed
};

/// The sockets of the workload, found by the cgroup that they were created in, descendants included, whether
/// the data path knows them or not; never reseat's own. Those that are connected, or about to be (SYN_SENT),
/// by their own doing: not those that were accepted, as far as a socket still listens on their port. In all
/// network namespaces that the workload's processes are in and we may enter.
///
/// `protocols`: IPPROTO_TCP, IPPROTO_UDP, IPPROTO_RAW; of raw sockets, whose ports mean nothing, there are
/// none where the kernel does not list them (raw_diag). Reads all sockets of these namespaces and then, once,
/// all that were ever balanced. Blocks. Where it cannot be determined which sockets are balanced or reseat's
/// own there are none.
WorkloadSockets list_workload_sockets(const Programs& programs, NetNamespaces& namespaces,
                                      const std::string& cgroup, std::span<const int> protocols);

}  // namespace reseat::bpf
