// SPDX-License-Identifier: Apache-2.0
#include "lb/health/checker.hpp"
#include "tests/support/catch.hpp"

#include <iterator>
#include <set>

using namespace reseat;
using namespace reseat::lb;
using namespace std::chrono_literals;

TEST_CASE("pauses are shortened within the jitter, and fall into ticks that several share", "[checker]") {
    const auto now = std::chrono::steady_clock::now();
    std::set<TimePoint> moments;
    for (int i = 0; i < 1'000; ++i) moments.insert(due_with_jitter(now, 5s, 10));
    CHECK(*moments.begin() - now >= 4500ms);
    CHECK(*moments.rbegin() - now <= 5s);
    CHECK(moments.size() >= 2);  // 500 ms of leeway in ticks of 250 ms
    CHECK(moments.size() <= 3);
    CHECK(*std::next(moments.begin()) - *moments.begin() == 250ms);
    CHECK(due_with_jitter(now, 5s, 0) == now + 5s);
    for (int i = 0; i < 100; ++i) {
        const auto due = due_with_jitter(now, 10ms, 10);
        CHECK((due >= now + 9ms && due <= now + 10ms));
    }
}
