// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"

#include <cstddef>
#include <span>
#include <vector>

/// From the backends that were chosen to the table that the kernel gets.
namespace reseat::lb {

/// What `members` (positions of backends of `family` that have a life) are to get, as their weights and
/// slow_start have it.
Shares share_out(const ServiceState& state, Family family, std::span<const std::size_t> members);

/// The table that the family's shares make: by maglev where they say so, else by smooth_weighted.
std::vector<LifeId> slots_of(const ServiceState& state, Family family);

}  // namespace reseat::lb
