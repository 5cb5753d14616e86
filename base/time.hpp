// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace reseat {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;

}  // namespace reseat
