// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.hpp"

namespace reseat::lb {

/// A backend's weight grows in tenths.
inline constexpr unsigned kFullTenths = 10;

/// How many tenths of its weight a backend has that became eligible at `since`: one at first, then as the
/// time that has passed, all of them from `since` + `slow_start` on and a tenth of `slow_start` later at the
/// latest. All backends step at the same moments, so that however many of them recover, a table is rewritten
/// for it ten times in each `slow_start` at the most.
unsigned warm_tenths(TimePoint since, Duration slow_start, TimePoint now);

/// The next such moment; after `now`. `slow_start` is above 0.
TimePoint next_step(Duration slow_start, TimePoint now);

}  // namespace reseat::lb
