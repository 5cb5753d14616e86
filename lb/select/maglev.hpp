// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
/// section 3.4): a table in which a key keeps its backend when others come and go.
namespace reseat::lb {

struct MaglevBackend {
    Endpoint address;  ///< its identity: the table depends on this, not on names, order or earlier tables
    unsigned weight = 1;
};

/// How many slots the table of a service with so many backends has, eligible or not: a prime, at least 100
/// for each up to 655 of them, with which shares are within a few percent. 1,021 up to 10 backends, 4,093 up
/// to 40, 16,381 up to 163, 65,537 (512 KiB) beyond. Where a reload crosses one of these, most keys move.
std::size_t maglev_size(std::size_t backends);

/// Positions in `backends`, `size` of them; empty without a weight above 0. The same backends give the same
/// table in every process and in every version. Of each round the heaviest takes one slot and the others
/// as much of one as they weigh, all in the first: each with a weight has a slot.
std::vector<std::uint32_t> maglev(std::span<const MaglevBackend> backends, std::size_t size);

}  // namespace reseat::lb
