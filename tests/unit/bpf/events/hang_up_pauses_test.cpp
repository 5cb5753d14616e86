// SPDX-License-Identifier: Apache-2.0
#include "bpf/events/hang_ups.hpp"
#include "tests/support/catch.hpp"

#include <vector>

using namespace reseat;
using namespace reseat::bpf;
using namespace std::chrono_literals;

TEST_CASE("peers that close all the time are told after pauses that double up to 64 s [E81]", "[hang_ups]") {
    HangUpPauses pauses;
    const TimePoint start{};
    std::vector<Duration> told;
    bool may_tell = true;  // as the programs have it
    for (Duration at{}; at < 10min; at += 20ms) {
        for (const lb::LifeId life : pauses.end_due(start + at)) may_tell |= life == 7;
        if (!std::exchange(may_tell, false)) continue;
        CHECK(pauses.begin(7, start + at));
        CHECK_FALSE(pauses.begin(7, start + at));
        told.push_back(at);
    }
    REQUIRE(told.size() == 15);
    for (std::size_t i = 1; i < told.size(); ++i)
        CHECK(told[i] - told[i - 1] == std::min<Duration>(1s * (1 << (i - 1)), 64s));
}

TEST_CASE("a life that was silent for twice its pause is told at once again, with the shortest pause [E81]",
          "[hang_ups]") {
    HangUpPauses pauses;
    const TimePoint start{};
    CHECK(pauses.begin(7, start));
    CHECK(pauses.end_due(start + 1s) == std::vector<lb::LifeId>{7});
    CHECK(pauses.next_due() == start + 3s);
    CHECK(pauses.end_due(start + 3s).empty());
    CHECK_FALSE(pauses.next_due());
    CHECK(pauses.begin(7, start + 3s));
    CHECK(pauses.next_due() == start + 4s);
}
