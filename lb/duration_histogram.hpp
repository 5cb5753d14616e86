// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <array>

namespace reseat::lb {

/// How often something took how long.
struct DurationHistogram {
    /// Upper bounds in seconds, themselves included.
    static constexpr std::array<double, 14> kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                       0.1,    0.25,  0.5,    1,     2.5,  5,     10};

    std::array<std::uint64_t, kBounds.size() + 1> counts{};  ///< by bound; the last: longer than all
    double sum = 0;                                          ///< in seconds

    void add(Duration duration) {
        const double seconds = std::chrono::duration<double>(duration).count();
        const auto bound = std::ranges::lower_bound(kBounds, seconds);
        ++counts[static_cast<std::size_t>(bound - kBounds.begin())];
        sum += seconds;
    }
};

}  // namespace reseat::lb
