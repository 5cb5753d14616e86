// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/names.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace reseat::lb {

/// The backends of a service that pass their checks.
using Passing = std::function<std::set<Endpoint>(const std::string& service, Protocol)>;

/// What serves: `dns`, what DNS says, and those of `before`, what served until now, that DNS does not name
/// any more, that pass their checks and that have been absent for less than `hold`. Name servers that give
/// out some of many addresses in turn would otherwise take away healthy servers.
///
/// An address that fails its checks goes at once; one that DNS names again is as it was; one that another
/// entry of the service names is that one's.
std::vector<NameView> hold(const std::vector<NameView>& before, std::vector<NameView> dns, const Absence& now,
                           const Passing& passing);

/// When the first of them has been absent for long enough; nothing: none is held.
std::optional<TimePoint> first_hold_over(const std::vector<NameView>& views);

}  // namespace reseat::lb
