// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace reseat::lb {

/// At most this many slots has the table of so many backends: 32 for each, from 4,096 to 65,536 (512 KiB).
/// 2,000 backends of odd weights get 64,000.
std::size_t most_slots(std::size_t backends);

/// Smooth weighted round robin: between two picks of one item the others come as evenly as their weights
/// allow. Returns positions into `weights`; weight 0 gets no slot. A uniform random index into it picks in
/// proportion to weight too.
///
/// - Length: sum of weights / their gcd, at most `max_slots`. Beyond that weights are scaled down, equal ones
///   to equal ones: with most_slots() a share is off by one slot and a 32nd of itself at the most. Each
///   non-zero weight keeps one slot at least; of more of them than `max_slots` the heaviest get one each.
/// - Order: nginx's (upstream round robin, 2012), of two that are due alike the first in the list; of more
///   than 4,096 slots, for which that takes too long, each item's at equal distances (earliest deadline
///   first, as Envoy's). Takes a millisecond or so at the worst.
std::vector<std::uint32_t> smooth_weighted(std::span<const unsigned> weights, std::size_t max_slots);
inline std::vector<std::uint32_t> smooth_weighted(std::span<const unsigned> weights) {
    return smooth_weighted(weights, most_slots(weights.size()));
}

}  // namespace reseat::lb
