// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <cstddef>
#include <deque>
#include <optional>

namespace reseat::lb {

/// Tells our own network's failure from that of the backends [E67]: when backends of at least half of all
/// services, of two at least, and on two hosts at least, fall silent within a second, then it is likelier
/// that we are cut off than that they all died. Pure: step it by hand.
class NetworkSuspicion {
public:
    static constexpr Duration kWindow = std::chrono::seconds(1);

    /// A verdict "no answer". `round`: how long it takes to ask this backend once more.
    void on_silence(ServiceId service, const Address& host, Duration round, TimePoint now);

    /// To be asked after the verdicts of one moment were told: true when a suspicion begins with them.
    /// `services`: how many there are whose backends are checked.
    bool begins(std::size_t services, TimePoint now);

    /// While suspicion lasts, until when the consequences of a verdict of now are to be held: for one round,
    /// the longest of all that were heard when it began.
    std::optional<TimePoint> hold_until(TimePoint now) const;

    /// What the suspicion rests on.
    std::size_t services() const;
    std::size_t hosts() const;
    Duration round() const { return round_; }

private:
    struct Silence {
        TimePoint at;
        ServiceId service;
        Address host;
        Duration round;
    };
    void forget_before(TimePoint when);

    std::deque<Silence> heard_;
    Duration round_{};
    TimePoint over_at_{};
};

}  // namespace reseat::lb
