// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

#include <algorithm>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

TEST_CASE(
    "no alternative: sockets wait, are shown as waiting, and stay when their backend is back [E14][E60]",
    "[control]") {
    Bench bench({service(1)});
    bench.all_up(1);
    bench.plane.open[7] = 3;
    bench.hear(0, no_answer());
    CHECK(bench.plane.orders.empty());
    CHECK(bench.status().waiting == 3);
    CHECK(bench.status().eligible == 0);
    CHECK(bench.status().panic);
    CHECK(
        bench.log.has("warning: postgres/a is DOWN: no answer within 1s (3/3), 0 of 1 backend left; "
                      "3 sockets wait: no alternative"));
    CHECK(bench.log.has(
        "warning: postgres has no eligible IPv4 backend: the last healthy backends are used (fail_open)"));
    bench.hear(0, up());
    CHECK(bench.plane.orders.empty());
    CHECK(bench.status().waiting == 0);
    CHECK(bench.status().open_sockets == 3);
    CHECK(
        bench.log.has("info: postgres/a is UP: connected (2/2), 1 of 1 backend up; "
                      "3 spared sockets kept"));
}

TEST_CASE(
    "sockets that wait are ended when another backend is there and their own does not return [E14][E60]",
    "[control]") {
    Service config = service(2);
    config.health_check.timeout = 1ms;
    Bench bench({config});
    bench.all_up(2);
    bench.hear(1, refused());
    bench.plane.open[7] = 3;
    bench.hear(0, no_answer());
    CHECK(bench.status().waiting == 3);
    bench.plane.reports = {done(3)};
    bench.hear(1, up());
    const auto is_ended = [&] {
        return std::ranges::any_of(bench.plane.orders, [](const auto& order) { return order.life == 7; });
    };
    CHECK_FALSE(is_ended());
    REQUIRE(run_until(bench.context, is_ended));
    bench.poll();
    CHECK(bench.status().waiting == 0);
    CHECK(
        bench.log.has("info: postgres/a: another backend is eligible: 3 sockets terminated, 0 re-pointed in "
                      "0.9 ms"));
    REQUIRE(bench.status().last_failover);
    CHECK(bench.status().last_failover->reason == "no answer within 1s (3/3)");
}

TEST_CASE("a host that has forgotten a connection of ours is told, and its spared sockets end [E60][E77]",
          "[control]") {
    Bench bench({service(1)});
    bench.all_up(1);
    const TimePoint opened = std::chrono::steady_clock::now();
    bench.plane.open[7] = 3;
    bench.hear(0, no_answer());
    bench.hear(0, up());
    bench.plane.reports = {done(3)};
    bench.controller->on_check(bench.id(0), {.forgot = opened}, std::nullopt);
    bench.poll();
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 7);
    CHECK(
        bench.log.has("warning: postgres/a: its host answered a keepalive probe with a reset: it was "
                      "restarted, or its address now belongs to another host"));
    CHECK(bench.log.has(
        "info: postgres/a: its host no longer knows them: 3 sockets terminated, 0 re-pointed in "
        "0.9 ms"));
    CHECK(bench.status().backends[0].counters.terminated[static_cast<std::size_t>(EndReason::restarted)] ==
          3);
}

TEST_CASE("a connect that raced the condemnation of a life that waits is spared too [E29][E60]",
          "[control]") {
    Bench bench({service(1)});
    bench.all_up(1);
    bench.plane.open[7] = 1;
    bench.hear(0, no_answer());
    bench.controller->on_raced_connect(7);
    bench.poll();
    CHECK(bench.plane.orders.empty());
}
