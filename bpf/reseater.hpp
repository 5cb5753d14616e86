// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/flow_index.hpp"
#include "bpf/repoint.hpp"
#include "bpf/sock_diag.hpp"
#include "lb/control/data_plane.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace reseat::bpf {

/// What was done for one order so far, and what its last sweep left.
struct Sweep {
    lb::ReseatOrder order;
    std::uint32_t backend = 0;  ///< the life's element in lb_backends
    bool last = false;          ///< no other sweep follows: what is still pending is decided now

    lb::TerminationReport report;
    unsigned left = 0;   ///< could not be ended in this sweep
    bool again = false;  ///< something was not settled yet: a connect may sit between its hook and the
                         ///< kernel's part of it, and of sockets with one tuple only one is seen at a time
    lb::TimePoint last_done = std::chrono::steady_clock::now();

    void done(unsigned& counter);
    void failed(const std::string& why);
};

/// Ends or moves the sockets of one life: tuple engine first, what the index had no room for by diag. Blocks;
/// one thread.
class Reseater {
public:
    Reseater(const Programs& programs, SockDiag diag, Repointer repointer, std::uint64_t own_netns);

    /// One look at all sockets of the order's life. Clears `left` and `again` first.
    void run(Sweep& sweep);

private:
    std::vector<Flow> find(Sweep& sweep);
    void terminate(std::vector<Flow> flows, Sweep& sweep);
    void handle_udp(std::vector<Flow> flows, Sweep& sweep);
    std::vector<Flow> connected(std::vector<Flow> flows, Sweep& sweep);
    std::vector<Flow> repoint(std::vector<Flow> flows, Sweep& sweep);

    const Programs& programs_;
    FlowIndex index_;
    SockDiag diag_;
    Repointer repointer_;
    std::uint64_t own_netns_;
};

}  // namespace reseat::bpf
