// SPDX-License-Identifier: Apache-2.0
// drain_quiet and close_spread, all the way from the configuration to the data plane.
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Service paced(std::chrono::milliseconds quiet, std::chrono::milliseconds spread) {
    Service config = service(2);
    config.connections.drain_quiet = quiet;
    config.connections.close_spread = spread;
    return config;
}

}  // namespace

TEST_CASE(
    "drain_quiet: a drain orders its idle sockets at once and again each second, and tells only of ends "
    "[E18]",
    "[control][pace]") {
    Bench bench({paced(4s, 7s)});
    bench.all_up(2);
    bench.hear(0, refused());
    REQUIRE(bench.plane.orders.size() == 1);
    const ReseatOrder first = bench.plane.orders[0];
    CHECK(first.life == Bench::first_life(0));
    CHECK(first.quiet_for == 4s);
    CHECK(first.terminate_tcp);
    CHECK(first.udp == UdpFate::keep);
    CHECK(first.spread == Duration(7s));
    CHECK(bench.plane.plans.back().condemn.empty());  // it drains, as told, and is not over
    CHECK(bench.log.text().find("terminated") == std::string::npos);
    CHECK_FALSE(bench.status().last_failover);  // nothing was ended yet
    bench.plane.reports = {done(2)};
    REQUIRE(run_until(bench.context, [&] { return bench.plane.orders.size() == 2; }));
    CHECK(bench.plane.orders[1].quiet_for == 4s);
    REQUIRE(run_until(bench.context, [&] { return bench.status().last_failover.has_value(); }));
    CHECK(bench.status().last_failover->report.terminated == 2);
}

TEST_CASE("drain_quiet: a short one is looked after as often as it says", "[control][pace]") {
    Bench bench({paced(20ms, 0s)});
    bench.all_up(2);
    bench.hear(0, refused());
    const auto began = std::chrono::steady_clock::now();
    REQUIRE(run_until(bench.context, [&] { return bench.plane.orders.size() >= 5; }));
    CHECK(std::chrono::steady_clock::now() - began < 2s);  // once a second: 4 s
    bench.hear(0, up());
}

TEST_CASE(
    "drain_quiet: idle sockets that cannot be terminated are left to the next look, not to a retry [E52]",
    "[control][pace]") {
    Bench bench({paced(60s, 0s)});
    bench.all_up(2);
    bench.plane.reports = {{.matched = 1, .failed = 1, .first_failure = "the socket's lock is held"}};
    bench.hear(0, refused());
    CHECK(bench.plane.orders.size() == 1);
    // The first retry of another order would come after 100 ms.
    const auto ordered_again = [&] { return bench.plane.orders.size() > 1; };
    CHECK_FALSE(run_until(bench.context, ordered_again, 300ms));
    CHECK(bench.plane.plans.back().condemn.empty());
}

TEST_CASE("a draining backend with drain_quiet that is well again ends nobody any more [E61]",
          "[control][pace]") {
    Bench bench({paced(4s, 0s)});
    bench.all_up(2);
    bench.hear(0, refused());
    bench.hear(0, up());
    CHECK(bench.plane.plans.back().resume == std::vector<LifeId>{Bench::first_life(0)});
    const auto ordered_again = [&] { return bench.plane.orders.size() > 1; };
    CHECK_FALSE(run_until(bench.context, ordered_again, 1200ms));
}

TEST_CASE("close_spread paces every order that ends sockets, and those older than reseat [E45]",
          "[control][pace]") {
    Service config = paced(0s, 7s);
    config.connections.untracked = Untracked::terminate;
    Bench bench({config});
    bench.all_up(2);
    bench.hear(0, no_answer());
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].spread == Duration(7s));
    CHECK(bench.plane.orders[0].quiet_for == Duration::zero());
    REQUIRE_FALSE(bench.plane.untracked_orders.empty());
    for (const UntrackedOrder& order : bench.plane.untracked_orders) CHECK(order.spread == Duration(7s));
    REQUIRE(bench.controller->reload({paced(0s, 1s)}, {}).has_value());
    bench.hear(0, up());
    bench.hear(1, no_answer());
    CHECK(bench.plane.orders.back().spread == Duration(1s));  // as it is configured by now
}
