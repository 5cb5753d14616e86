// SPDX-License-Identifier: Apache-2.0
#include "lb/select/slow_start.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

Duration step_of(Duration slow_start) {
    return std::max(slow_start / kFullTenths, Duration(1));
}

}  // namespace

unsigned warm_tenths(TimePoint since, Duration slow_start, TimePoint now) {
    if (slow_start <= Duration::zero()) return kFullTenths;
    const Duration step = step_of(slow_start);
    const auto first = (since.time_since_epoch() + step - Duration(1)) / step;
    const auto passed = std::clamp<Duration::rep>(now.time_since_epoch() / step - first, 1, kFullTenths);
    return static_cast<unsigned>(passed);
}

TimePoint next_step(Duration slow_start, TimePoint now) {
    const Duration step = step_of(slow_start);
    return TimePoint((now.time_since_epoch() / step + 1) * step);
}

}  // namespace reseat::lb
