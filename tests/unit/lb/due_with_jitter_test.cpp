// SPDX-License-Identifier: Apache-2.0
#include "lb/health/checker.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace reseat::lb;
using namespace std::chrono_literals;

TEST_CASE("pauses are shortened within the jitter, and fall into ticks that several share", "[checker]") {
    const auto now = std::chrono::steady_clock::now();
    std::set<TimePoint> moments;
    Duration shortest = 1h, longest = 0s;
    for (int i = 0; i < 1'000; ++i) {
        const auto due = due_with_jitter(now, 5s, 10);
        moments.insert(due);
        shortest = std::min<Duration>(shortest, due - now);
        longest = std::max<Duration>(longest, due - now);
    }
    CHECK(shortest >= 4500ms);
    CHECK(shortest < 4700ms);
    CHECK(longest <= 5s);
    CHECK(longest > 4800ms);
    CHECK(moments.size() >= 4);  // 500 ms of leeway in ticks of 100 ms
    CHECK(moments.size() <= 6);
    CHECK(due_with_jitter(now, 5s, 0) == now + 5s);
    for (int i = 0; i < 100; ++i) {
        const auto due = due_with_jitter(now, 10ms, 10);
        CHECK((due >= now + 9ms && due <= now + 10ms));
    }
}
