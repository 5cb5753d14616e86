// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/flow_index.hpp"
#include "bpf/repoint.hpp"
#include "bpf/sock_diag.hpp"
#include "lb/control/data_plane.hpp"

#include <atomic>
#include <string>
#include <vector>

namespace reseat::bpf {

/// Ends or moves the sockets of one life: tuple engine first, what the index had no room for by diag. Blocks;
/// one thread.
class Reseater {
public:
    Reseater(const Programs& programs, SockDiag diag, Repointer repointer, std::uint64_t own_netns);

    /// Sweeps at once and, while sockets of the life were not settled, 1, 10 and 100 ms later: a connect may
    /// sit between its hook and the kernel's part of it. `backend` is the life's element in lb_backends.
    /// Returns early when `stopping` turns true.
    lb::TerminationReport run(const lb::ReseatOrder& order, std::uint32_t backend,
                              const std::atomic<bool>& stopping);

private:
    struct Sweep;
    void sweep(const lb::ReseatOrder& order, std::uint32_t backend, Sweep& sweep);
    std::vector<Flow> find(const lb::ReseatOrder& order, std::uint32_t backend, Sweep& sweep);
    void terminate(std::vector<Flow> flows, Sweep& sweep);
    void handle_udp(const lb::ReseatOrder& order, std::vector<Flow> flows, Sweep& sweep);

    const Programs& programs_;
    FlowIndex index_;
    SockDiag diag_;
    Repointer repointer_;
    std::uint64_t own_netns_;
};

}  // namespace reseat::bpf
