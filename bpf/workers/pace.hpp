// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.hpp"

#include <optional>

namespace reseat::bpf {

/// How fast a number of sockets is ended (close_spread): clients that reconnect all at once are a load of
/// their own. Nothing: 100 at once, more evenly over 1 s.
class Pace {
public:
    Pace(std::optional<Duration> spread, std::size_t count, TimePoint start);

    /// How many of them are to have been ended by `now`.
    std::size_t due(TimePoint now) const;
    /// How long to wait between two looks at due().
    static constexpr Duration tick() { return std::chrono::milliseconds(10); }

private:
    std::size_t count_;
    std::size_t at_once_;
    Duration spread_;
    TimePoint start_;
};

}  // namespace reseat::bpf
