// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/service_state.hpp"
#include "lb/health/check_mode.hpp"

#include <vector>

namespace reseat::lb {

/// How each backend is to be checked now.
std::vector<CheckMode> check_modes(const ServiceState& state);

}  // namespace reseat::lb
