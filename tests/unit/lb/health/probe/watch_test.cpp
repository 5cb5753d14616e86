// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/watch.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace std::chrono_literals;

namespace {

const TimePoint t0{1h};

}  // namespace

TEST_CASE("a server that ends five idle connections in a row is watched no more [E68]", "[watch]") {
    WatchPolicy policy;
    for (int i = 0; i < 4; ++i) {
        policy.on_end(WatchEnd::lost);
        CHECK(policy.may_open(t0));
    }
    policy.on_end(WatchEnd::lost);
    CHECK_FALSE(policy.may_open(t0 + 24h));
    CHECK(policy.given_up());
}

TEST_CASE("a connection that lived until the next check, or a death, starts the count of closes anew",
          "[watch]") {
    WatchPolicy policy;
    for (int n = 0; n < 20; ++n) {
        policy.on_end(WatchEnd::lost);
        n % 2 ? policy.on_replaced() : policy.on_death();
    }
    CHECK(policy.may_open(t0));
}

TEST_CASE("a server that speaks first is not watched: closing on it would be a failed login [E68]",
          "[watch]") {
    WatchPolicy policy;
    policy.on_end(WatchEnd::talkative);
    CHECK_FALSE(policy.may_open(t0));
}

TEST_CASE("a server that does not close its end gets the next connection later and later [E68]", "[watch]") {
    WatchPolicy policy;
    auto now = t0;
    for (const auto pause : {10s, 20s, 40s}) {
        policy.on_unanswered_close(now);
        CHECK_FALSE(policy.may_open(now + pause - 1ms));
        now += pause;
        CHECK(policy.may_open(now));
    }
    for (int n = 0; n < 100; ++n) policy.on_unanswered_close(now);
    CHECK(policy.may_open(now + 5min));
    policy.on_answered_close();
    policy.on_unanswered_close(now);
    CHECK(policy.may_open(now + 10s));
}
