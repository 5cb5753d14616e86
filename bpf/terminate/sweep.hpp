// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/workers/supervised.hpp"
#include "lb/control/data_plane.hpp"

#include <string>
#include <unordered_set>
#include <vector>

namespace reseat::bpf {

/// What was done for one order so far, and what its last sweep left.
struct Sweep final : Supervised {
    lb::ReseatOrder order;
    std::uint32_t backend = 0;  ///< the life's element in lb_backends
    bool last = false;          ///< no other sweep follows: what is still pending is decided now

    lb::TerminationReport report;
    unsigned left = 0;   ///< could not be ended in this sweep
    bool again = false;  ///< something was not settled yet: a connect may sit between its hook and the
                         ///< kernel's part of it, and of sockets with one tuple only one is seen at a time
    bool in_flight = false;  ///< that was a descriptor between two processes: worth a longer wait
    TimePoint last_done = std::chrono::steady_clock::now();

    std::vector<Flow> tcp;  ///< found, not tried yet in this sweep
    /// Handed to the engines by the step that runs now, and the cookies of those that are settled: so that
    /// another worker can go on with the others.
    std::vector<Flow> current;
    std::unordered_set<std::uint64_t> settled;

    void done(unsigned& counter);
    void failed(const std::string& why) override;
};

}  // namespace reseat::bpf
