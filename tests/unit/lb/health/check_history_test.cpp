// SPDX-License-Identifier: Apache-2.0
#include "lb/health/check_history.hpp"

#include "lb/duration_histogram.hpp"
#include "tests/support/catch.hpp"

#include <numeric>

using namespace reseat;
using namespace reseat::lb;
using namespace std::chrono_literals;

namespace {

CheckStatus check(int second, ProbeOutcome outcome = ProbeOutcome::passed, Duration latency = 1500us) {
    return {{outcome, "", latency}, std::chrono::system_clock::time_point(std::chrono::seconds(second))};
}

}  // namespace

TEST_CASE("the last sixty checks are remembered, the oldest first", "[health]") {
    CheckHistory history;
    CHECK(history.last().empty());
    history.add(check(1));
    history.add(check(2, ProbeOutcome::refused, 90s));
    REQUIRE(history.last().size() == 2);
    CHECK(history.last()[0].at_ms == 1000);
    CHECK(history.last()[0].latency_us == 1500);
    CHECK(history.last()[1].outcome == ProbeOutcome::refused);
    CHECK(history.last()[1].latency_us == 90'000'000);
    for (int i = 3; i <= 150; ++i) history.add(check(i));
    const auto last = history.last();
    REQUIRE(last.size() == CheckHistory::kLength);
    for (std::size_t i = 0; i < last.size(); ++i)
        CHECK(last[i].at_ms == (91 + static_cast<std::int64_t>(i)) * 1000);
}

TEST_CASE("checks are counted by result, also those that are forgotten", "[health]") {
    CheckHistory history;
    for (int i = 0; i < 100; ++i)
        history.add(check(i, i % 4 ? ProbeOutcome::passed : ProbeOutcome::no_answer));
    CHECK(history.counts()[static_cast<std::size_t>(ProbeOutcome::passed)] == 75);
    CHECK(history.counts()[static_cast<std::size_t>(ProbeOutcome::no_answer)] == 25);
}

TEST_CASE("durations are counted by the least bound that they do not exceed", "[health]") {
    DurationHistogram histogram;
    for (const Duration one : {Duration(500us), Duration(501us), Duration(1s), Duration(10s), Duration(11s)})
        histogram.add(one);
    CHECK(histogram.counts[0] == 1);
    CHECK(histogram.counts[1] == 1);
    CHECK(histogram.counts[10] == 1);
    CHECK(histogram.counts[13] == 1);
    CHECK(histogram.counts[14] == 1);
    CHECK(std::accumulate(histogram.counts.begin(), histogram.counts.end(), 0u) == 5);
    CHECK(histogram.sum == Approx(22.001001));
}
