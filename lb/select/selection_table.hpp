// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace reseat::lb {

/// At most this many slots in one table.
inline constexpr std::size_t kMaxTableSlots = 4096;

/// Smooth weighted round robin: between two picks of one item the others come as evenly as their weights
/// allow (nginx, upstream round robin, 2012). Returns positions into `weights`; weight 0 gets no slot.
/// Length: sum of weights / their gcd, at most `max_slots` (then weights are scaled down, each non-zero
/// weight keeping at least one slot, equal weights equally many; of more non-zero weights than `max_slots`
/// the heaviest get one each). A uniform random index into it picks in proportion to weight too.
/// About a millisecond for 4096 slots at the worst.
std::vector<std::uint32_t> smooth_weighted(std::span<const unsigned> weights,
                                           std::size_t max_slots = kMaxTableSlots);

}  // namespace reseat::lb
