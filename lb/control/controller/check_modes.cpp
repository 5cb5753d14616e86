// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/check_modes.hpp"

#include <algorithm>
#include <array>

namespace reseat::lb {

std::vector<CheckMode> check_modes(const ServiceState& state) {
    const std::array served = {has_eligible(state, Family::v4), has_eligible(state, Family::v6)};
    std::vector<CheckMode> modes;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const BackendRecord& record = state.backends[i];
        const Candidate one = candidate(state, i);
        const bool wanted = may_be_used(one) && one.health != Health::up;
        const bool awaited = std::ranges::any_of(record.ended, &Life::waiting);
        modes.push_back({.urgent = wanted && (awaited || !served[static_cast<std::size_t>(one.family)]),
                         .watchable = record.operator_state == OperatorState::ready && !record.removing});
    }
    return modes;
}

}  // namespace reseat::lb
