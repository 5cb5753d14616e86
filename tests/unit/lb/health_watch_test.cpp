// SPDX-License-Identifier: Apache-2.0
#include "lb/health/watch.hpp"

#include <catch2/catch.hpp>

using namespace reseat::lb;
using namespace std::chrono_literals;

TEST_CASE("a server that ends idle connections is watched less and less, then never again [E68]", "[watch]") {
    WatchBackoff backoff;
    CHECK(backoff.on_end(WatchEnd::lost, 10s) == 1s);
    CHECK(backoff.on_end(WatchEnd::lost, 10s) == 2s);
    CHECK(backoff.on_end(WatchEnd::lost, 10s) == 4s);
    CHECK(backoff.on_end(WatchEnd::lost, 10s) == 8s);
    CHECK_FALSE(backoff.on_end(WatchEnd::lost, 10s));
}

TEST_CASE("a connection that lasted long, or a death, starts the count of closes anew", "[watch]") {
    WatchBackoff backoff;
    for (int n = 0; n < 20; ++n) CHECK(backoff.on_end(WatchEnd::lost, 5min) == 1s);
    CHECK(backoff.on_end(WatchEnd::lost, 1s) == 2s);
    CHECK(backoff.on_end(WatchEnd::lost, 1s) == 4s);
    backoff.on_death();
    CHECK(backoff.on_end(WatchEnd::lost, 1s) == 1s);
}

TEST_CASE("a connection that cannot be opened is retried for ever, at most 5 minutes apart", "[watch]") {
    WatchBackoff backoff;
    std::optional<Duration> delay;
    for (int n = 0; n < 100; ++n) delay = backoff.on_end(WatchEnd::not_opened, 1s);
    CHECK(delay == 5min);
}

TEST_CASE("a server that keeps talking is not watched", "[watch]") {
    CHECK_FALSE(WatchBackoff().on_end(WatchEnd::talkative, 1h));
}
