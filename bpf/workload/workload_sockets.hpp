// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "bpf/maps/programs.hpp"
#include "bpf/sockets/sock_diag.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace reseat::bpf {

/// The ids of the cgroup2 directory and of all below it, as sock_diag reports them of sockets.
std::unordered_set<std::uint64_t> cgroup_ids(const std::string& cgroup);

/// One connected socket of the workload, balanced or not.
struct WorkloadSocket {
    SocketTuple tuple;
    /// What the application dialled to be connected there: the service address of a balanced socket, else its
    /// peer.
    Endpoint dialled;
    bool balanced = false;
};

/// The sockets of the workload, found by the cgroup that they were created in, descendants included, whether
/// the data path knows them or not; never reseat's own. One network namespace, one thread.
class WorkloadSockets {
public:
    /// All must outlive this.
    WorkloadSockets(const Programs& programs, SockDiag& diag, std::string cgroup)
        : programs_(programs), diag_(diag), cgroup_(std::move(cgroup)) {}

    /// Those of the protocol that are connected, or about to be (SYN_SENT), by their own doing: not those
    /// that were accepted, as far as a socket still listens on their port. Reads all sockets of the
    /// namespace, and all that were ever balanced. Blocks. Error `unsupported`: it cannot be determined which
    /// are balanced or reseat's own.
    Result<std::vector<WorkloadSocket>> connected(Protocol protocol);
    /// Connected raw sockets, whose ports mean nothing; none where the kernel does not list them (raw_diag).
    Result<std::vector<WorkloadSocket>> raw();

private:
    Result<std::vector<DiagSocket>> list(std::uint8_t protocol, std::uint32_t states);

    const Programs& programs_;
    SockDiag& diag_;
    std::string cgroup_;
};

}  // namespace reseat::bpf
