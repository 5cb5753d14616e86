// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/memberships.hpp"

#include <string>
#include <string_view>
#include <vector>

/// What one process leaves to the next: the last good assignments, as JSON.
namespace reseat::lb {

inline constexpr std::size_t kMaxRemembered = 8 * 1024 * 1024;  ///< bytes

/// At most kMaxRemembered bytes; entries that do not fit are left out.
std::string write_remembered(const std::vector<Remembered>& all);

/// Error: it is not of this format or version, for people.
Result<std::vector<Remembered>> read_remembered(std::string_view text);

}  // namespace reseat::lb
