// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/figure.hpp"

#include <vector>

/// One file each; what they measure and how to read it: bench/README.md. `quick`: few rounds, to see that it
/// works. They throw std::exception where they cannot measure; needs root.
namespace reseat::bench {

std::vector<Figure> bpf_time(bool quick);
std::vector<Figure> policy_time(bool quick);
std::vector<Figure> selection_time(bool quick);
std::vector<Figure> consistent_hashing(bool quick);
std::vector<Figure> health_event(bool quick);
std::vector<Figure> connect_ratio(bool quick);
std::vector<Figure> process_death(bool quick);
std::vector<Figure> vanished_host(bool quick);
std::vector<Figure> wake_up(bool quick);
std::vector<Figure> terminate(bool quick);
std::vector<Figure> check_cost(bool quick);

}  // namespace reseat::bench
