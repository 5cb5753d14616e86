// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/pace.hpp"

#include "tests/support/catch.hpp"

using reseat::bpf::Pace;
using namespace std::chrono_literals;

namespace {
const reseat::TimePoint kStart{10s};
}

TEST_CASE("by default 100 are ended at once and the others evenly over a second", "[pace]") {
    const Pace few(std::nullopt, 100, kStart), many(std::nullopt, 1100, kStart);
    CHECK(few.due(kStart) == 100);
    CHECK(many.due(kStart) == 100);
    CHECK(many.due(kStart + 500ms) == 600);
    CHECK(many.due(kStart + 1s) == 1100);
    CHECK(many.due(kStart + 1h) == 1100);
}

TEST_CASE("a duration spreads all of them evenly, the first at once", "[pace]") {
    const Pace pace(10s, 1000, kStart);
    CHECK(pace.due(kStart) == 1);
    CHECK(pace.due(kStart + 1s) == 100);
    CHECK(pace.due(kStart + 10s) == 1000);
}

TEST_CASE("no duration: all at once; none: none", "[pace]") {
    CHECK(Pace(0s, 50'000, kStart).due(kStart) == 50'000);
    CHECK(Pace(std::nullopt, 0, kStart).due(kStart) == 0);
    CHECK(Pace(10s, 0, kStart).due(kStart) == 0);
    CHECK(Pace(10s, 10, kStart).due(kStart - 1s) == 1);  // a clock that seems to go back
}
