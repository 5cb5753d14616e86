// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/families.hpp"

#include <algorithm>

namespace reseat::lb {

bool other_family_serves(const ServiceState& state, Family family) {
    const Family other = family == Family::v4 ? Family::v6 : Family::v4;
    const auto is_other = [other](const Endpoint& address) { return address.address.family() == other; };
    return std::ranges::any_of(state.service->addresses, is_other) && has_eligible(state, other);
}

}  // namespace reseat::lb
