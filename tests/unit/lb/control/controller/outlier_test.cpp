// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

#include <cerrno>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// Ejections end soon, and are looked at often.
Service quick(std::size_t backends) {
    Service made = service(backends);
    made.outlier_detection.interval = 20ms;
    made.outlier_detection.base_ejection_time = 20ms;
    made.outlier_detection.max_ejection_percent = 50;
    return made;
}

/// Ejections outlast the test.
Service slow(std::size_t backends) {
    Service made = service(backends);
    made.outlier_detection.max_ejection_percent = 50;
    return made;
}

void fail(Bench& bench, std::size_t backend, unsigned times) {
    const LifeId life = Bench::first_life(backend);
    bench.plane.outcomes[life].failures += times;
    bench.plane.outcomes[life].failures_in_a_row += times;
    bench.plane.outcomes[life].error = ECONNREFUSED;
    bench.controller->on_failing_connect(life);
    bench.poll();
}

BackendState state(const Bench& bench, std::size_t backend) {
    return bench.status().backends.at(backend).state;
}

}  // namespace

TEST_CASE(
    "an ejected backend that its checks find down as well is back when they find it up, not before "
    "[E44][E61]",
    "[control][outlier]") {
    Bench bench({slow(3)});
    bench.all_up(3);
    fail(bench, 0, 5);
    bench.hear(0, up());
    CHECK(state(bench, 0) == BackendState::ejected);
    bench.hear(0, {false, ProbeOutcome::refused, "connection refused (3/3)"});
    CHECK(state(bench, 0) == BackendState::down);
    bench.hear(0, up());
    CHECK(state(bench, 0) == BackendState::up);
    CHECK_FALSE(bench.status().backends[0].ejected_until);
    CHECK(bench.plane.plans.back().tables.at(0).slots.size() == 3);
    CHECK(
        bench.log.has("info: postgres/a is READMITTED: its health checks failed as well and pass again, 3 of "
                      "3 backends up"));
}

TEST_CASE("a backend to which connects fail is ejected although its probes pass [E44]",
          "[control][outlier]") {
    Bench bench({slow(3)});
    bench.all_up(3);
    fail(bench, 0, 4);
    CHECK(state(bench, 0) == BackendState::up);
    bench.plane.open[7] = 2;
    fail(bench, 0, 1);
    CHECK(state(bench, 0) == BackendState::ejected);
    CHECK(bench.plane.plans.back().tables.at(0).slots == std::vector<LifeId>{8, 9});
    CHECK(bench.plane.plans.back().drain == std::vector<LifeId>{7});
    CHECK(bench.plane.orders.empty());  // on_ejected: keep
    const BackendStatus ejected = bench.status().backends[0];
    CHECK(ejected.reason == "5 connects in a row refused, for 30s (ejection 1)");
    CHECK(ejected.connect_failures_total == 5);
    REQUIRE(ejected.ejected_until);
    CHECK(*ejected.ejected_until > std::chrono::system_clock::now() + 25s);
    CHECK(
        bench.log.has("warning: postgres/a is EJECTED: 5 connects in a row refused, for 30s (ejection 1), "
                      "2 of 3 backends left; 2 sockets kept"));
    bench.hear(0, up());
    CHECK(state(bench, 0) == BackendState::ejected);  // a probe that passes says nothing new
    CHECK(bench.status().eligible == 2);
}

TEST_CASE(
    "a backend that closes requests without a byte is ejected once another answered, and not before [E44]",
    "[control][outlier]") {
    Bench bench({slow(3)});
    bench.all_up(3);
    ConnectOutcomes& closing = bench.plane.outcomes[Bench::first_life(0)];
    closing.unanswered = closing.unanswered_in_a_row = 5;
    bench.controller->on_failing_connect(Bench::first_life(0));
    bench.poll();
    CHECK(state(bench, 0) == BackendState::up);
    CHECK(bench.status().backends[0].unanswered_total == 5);
    bench.plane.outcomes[Bench::first_life(1)].answered = true;
    bench.controller->on_failing_connect(Bench::first_life(0));
    bench.poll();
    CHECK(state(bench, 0) == BackendState::ejected);
    CHECK(bench.status().backends[0].reason ==
          "5 connections in a row closed before the first byte, for 30s (ejection 1)");
}

TEST_CASE("an ejection ends by itself, with a clean slate [E44]", "[control][outlier]") {
    Bench bench({quick(2)});
    bench.all_up(2);
    fail(bench, 0, 5);
    REQUIRE(state(bench, 0) == BackendState::ejected);
    REQUIRE(run_until(bench.context, [&] { return state(bench, 0) == BackendState::up; }));
    CHECK(bench.plane.plans.back().resume == std::vector<LifeId>{7});
    CHECK(bench.plane.plans.back().tables.at(0).slots == std::vector<LifeId>{7, 8});
    CHECK(bench.plane.outcomes[7].failures_in_a_row == 0);
    CHECK(bench.plane.outcomes[7].failures == 5);
    CHECK(bench.log.has("info: postgres/a is READMITTED: the ejection is over, 2 of 2 backends up"));
    CHECK_FALSE(bench.status().backends[0].ejected_until);
    fail(bench, 0, 4);
    CHECK(state(bench, 0) == BackendState::up);
}

TEST_CASE("the last backend of its family is never ejected [E44]", "[control][outlier]") {
    Service both = slow(2);
    both.backends[1] = backend("b", "[fd00::1]:5432");
    Bench bench({both});
    bench.all_up(2);
    fail(bench, 0, 100);
    fail(bench, 1, 100);
    CHECK(state(bench, 0) == BackendState::up);
    CHECK(state(bench, 1) == BackendState::up);
}

TEST_CASE("when all others go, the ejected one is taken back at once [E44]", "[control][outlier]") {
    Bench bench({slow(2)});
    bench.all_up(2);
    fail(bench, 0, 5);
    REQUIRE(state(bench, 0) == BackendState::ejected);
    bench.hear(1, refused());
    CHECK(state(bench, 0) == BackendState::up);
    CHECK(bench.plane.plans.back().tables.at(0).slots == std::vector<LifeId>{7});
    CHECK_FALSE(bench.status().panic);
    CHECK(bench.log.has("info: postgres/a is READMITTED: no other backend is left, 1 of 2 backends up"));
    bench.hear(1, up());
    fail(bench, 0, 5);
    CHECK(bench.status().backends[0].reason == "5 connects in a row refused, for 60s (ejection 2)");
}

TEST_CASE("no more are ejected than max_ejection_percent", "[control][outlier]") {
    Bench bench({slow(4)});
    bench.all_up(4);
    for (std::size_t i = 0; i < 4; ++i) fail(bench, i, 5);
    CHECK(state(bench, 0) == BackendState::ejected);
    CHECK(state(bench, 1) == BackendState::ejected);
    CHECK(state(bench, 2) == BackendState::up);
    CHECK(state(bench, 3) == BackendState::up);
}

TEST_CASE("on_ejected: terminate ends its sockets", "[control][outlier]") {
    Service harsh = quick(2);
    harsh.connections.on_ejected = SocketFate::terminate;
    Bench bench({harsh});
    bench.all_up(2);
    bench.plane.reports = {done(3)};
    fail(bench, 0, 5);
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 7);
    CHECK(
        bench.log.has("warning: postgres/a is EJECTED: 5 connects in a row refused, for 20ms (ejection 1), "
                      "1 of 2 backends left; 3 sockets terminated, 0 re-pointed in 0.9 ms"));
    REQUIRE(run_until(bench.context, [&] { return state(bench, 0) == BackendState::up; }));
    CHECK(bench.plane.plans.back().begin.size() == 1);  // a new life
}

TEST_CASE("a failed connect has its backend probed at once, ejected or not", "[control][outlier]") {
    Service off = service(2);
    off.outlier_detection.enabled = false;
    Bench bench({off});
    bench.all_up(2);
    std::vector<BackendId> suspected;
    bench.controller->on_suspect([&](BackendId backend) { suspected.push_back(backend); });
    fail(bench, 1, 100);
    CHECK(suspected == std::vector<BackendId>{bench.id(1)});
    CHECK(state(bench, 1) == BackendState::up);  // enabled: false
    bench.controller->on_failing_connect(999);   // no such life
    CHECK(suspected.size() == 1);
}

TEST_CASE("a reload keeps who is ejected, unless it turns detection off [E37]", "[control][outlier]") {
    Bench bench({slow(3)});
    bench.all_up(3);
    fail(bench, 1, 5);
    Service changed = slow(3);
    std::swap(changed.backends[0], changed.backends[2]);
    changed.lb_policy = LbPolicy::random;
    REQUIRE(bench.controller->reload({changed}, {}).has_value());
    bench.poll();
    CHECK(state(bench, 1) == BackendState::ejected);
    CHECK(bench.status().backends[1].reason == "5 connects in a row refused, for 30s (ejection 1)");
    changed.outlier_detection.enabled = false;
    const auto lines = bench.controller->reload({changed}, {});
    REQUIRE(lines.has_value());
    CHECK(*lines == std::vector<std::string>{"postgres: outlier_detection changed"});
    bench.poll();
    CHECK(state(bench, 1) == BackendState::up);
}

TEST_CASE("a reload that leaves only the ejected one takes it back [E37][E44]", "[control][outlier]") {
    Bench bench({slow(2)});
    bench.all_up(2);
    fail(bench, 0, 5);
    Service one = slow(2);
    one.backends.pop_back();
    REQUIRE(bench.controller->reload({one}, {}).has_value());
    bench.poll();
    CHECK(state(bench, 0) == BackendState::up);
    CHECK(bench.plane.plans.back().tables.at(0).slots == std::vector<LifeId>{7});
}
