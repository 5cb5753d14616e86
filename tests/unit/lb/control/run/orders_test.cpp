// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/order_runner.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/fake_plane.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

struct Bench {
    asio::io_context context;
    FakePlane plane{context.get_executor()};
    std::vector<TerminationReport> reports;
    std::unique_ptr<OrderRunner> runner =
        std::make_unique<OrderRunner>(context.get_executor(), plane,
                                      [this](const auto&, const auto& report) { reports.push_back(report); });

    void poll() {
        context.restart();
        context.poll();
    }
};

TerminationReport failed(unsigned count) {
    return {.matched = count, .failed = count, .first_failure = "the socket's lock is held"};
}

}  // namespace

TEST_CASE("an order that left sockets hanging is tried again after 100 ms, 1 s, 5 s, then every 30 s",
          "[control]") {
    CHECK(retry_delay(1) == 100ms);
    CHECK(retry_delay(2) == 1s);
    CHECK(retry_delay(3) == 5s);
    CHECK(retry_delay(4) == 30s);
    CHECK(retry_delay(400) == 30s);
}

TEST_CASE("an order that is done is over", "[control]") {
    Bench bench;
    bench.plane.reports = {{.matched = 3, .terminated = 3}};
    bench.runner->issue({7});
    CHECK(bench.runner->is_busy(7));
    bench.poll();
    CHECK_FALSE(bench.runner->is_busy(7));
    REQUIRE(bench.reports.size() == 1);
    CHECK(bench.reports[0].terminated == 3);
    CHECK(bench.plane.orders.size() == 1);
}

TEST_CASE("a life that is stuck delays no other [E52]", "[control]") {
    Bench bench;
    bench.plane.stuck = {7};
    bench.runner->issue({7});
    bench.runner->issue({8});
    bench.poll();
    CHECK(bench.runner->is_busy(7));
    CHECK_FALSE(bench.runner->is_busy(8));
    CHECK(bench.reports.size() == 1);
    bench.plane.release(7);
    bench.poll();
    CHECK(bench.reports.size() == 2);
}

TEST_CASE("an order for a life that is being served is carried out afterwards, once [E29]", "[control]") {
    Bench bench;
    bench.plane.stuck = {7};
    bench.runner->issue({7, false});
    bench.poll();
    bench.runner->issue({7, true});
    bench.runner->issue({7, true});
    bench.poll();
    CHECK(bench.plane.orders.size() == 1);
    bench.plane.release(7);
    bench.poll();
    REQUIRE(bench.plane.orders.size() == 2);
    CHECK(bench.plane.orders[1].terminate_tcp);
    CHECK_FALSE(bench.runner->is_busy(7));
}

TEST_CASE("sockets that could not be ended are stuck until a retry ends them", "[control][E43]") {
    Bench bench;
    bench.plane.open[7] = 2;
    bench.plane.reports = {failed(2), {.matched = 2, .terminated = 2}};
    bench.runner->issue({7});
    bench.poll();
    CHECK(bench.runner->stuck(7) == 2);
    CHECK(bench.runner->is_busy(7));
    CHECK(run_until(bench.context, [&] { return !bench.runner->is_busy(7); }));
    CHECK(bench.plane.orders.size() == 2);
    CHECK(bench.runner->stuck(7) == 0);
}

TEST_CASE("no retry once the sockets were closed by themselves", "[control]") {
    Bench bench;
    bench.plane.reports = {failed(2)};
    bench.runner->issue({7});
    CHECK(run_until(bench.context, [&] { return !bench.runner->is_busy(7); }));
    CHECK(bench.plane.orders.size() == 1);
}

TEST_CASE("no retry once the backend is well again", "[control]") {
    Bench bench;
    bench.plane.open[7] = 2;
    bench.plane.reports = {failed(2)};
    bench.runner->issue({7, false});
    bench.poll();
    bench.runner->withdraw(7);
    bench.poll();
    CHECK_FALSE(bench.runner->is_busy(7));
    CHECK(bench.plane.orders.size() == 1);
}

TEST_CASE("an order of the same life cuts the pause before a retry short", "[control][E29]") {
    Bench bench;
    bench.plane.open[7] = 2;
    bench.plane.reports = {failed(2)};
    bench.runner->issue({7});
    bench.poll();
    bench.runner->issue({7});
    bench.poll();
    CHECK(bench.plane.orders.size() == 2);
    CHECK_FALSE(bench.runner->is_busy(7));
}

TEST_CASE("a data plane that throws counts as a failure and is tried again", "[control]") {
    Bench bench;
    bench.plane.open[7] = 1;
    bench.plane.throws = true;
    bench.runner->issue({7});
    bench.poll();
    REQUIRE(bench.reports.size() == 1);
    CHECK(bench.reports[0].failed == 1);
    CHECK(bench.reports[0].first_failure == "netlink is gone");
    CHECK(bench.runner->is_busy(7));
}

TEST_CASE("a runner may go while its orders are stuck, and nobody hears of them", "[control]") {
    Bench bench;
    bench.plane.stuck = {7};
    bench.plane.open[8] = 1;
    bench.plane.reports = {failed(1)};
    bench.runner->issue({8});
    bench.poll();
    bench.runner->issue({7});
    bench.poll();
    bench.runner.reset();
    bench.plane.release(7);
    bench.poll();
    CHECK(bench.reports.size() == 1);
}
