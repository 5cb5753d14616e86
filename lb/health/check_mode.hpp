// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <algorithm>
#include <chrono>

namespace reseat::lb {

/// How a backend is checked at present, beside what its configuration says.
struct CheckMode {
    bool urgent = false;    ///< its service has no eligible backend: ask often, and the first pass counts
    bool doubted = false;   ///< its source has announced its end: one failed check is enough
    bool watchable = true;  ///< an idle connection may be held to it

    bool operator==(const CheckMode&) const = default;
};

/// How often urgent checks ask. Together they do so at most once in each millisecond, and have at most
/// kUnderWay probes under way, however many backends are down: the more there are, the longer each one's
/// pause is, and the other checks of the process find room. Shared by the checkers of a process.
class UrgentPace {
public:
    static constexpr Duration kRefused =
        std::chrono::milliseconds(100);  ///< it costs the host next to nothing
    static constexpr Duration kOther = std::chrono::milliseconds(250);
    static constexpr Duration kEach = std::chrono::milliseconds(1);
    static constexpr unsigned kUnderWay = 500;

    void join() { ++members_; }
    void leave() { --members_; }

    /// From one probe's beginning to the next one's; a silent backend keeps each busy for `timeout`.
    Duration pause(Duration shortest, Duration timeout) const {
        return std::max(shortest, members_ * std::max(kEach, timeout / kUnderWay));
    }

private:
    unsigned members_ = 0;
};

}  // namespace reseat::lb
