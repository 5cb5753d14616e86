// SPDX-License-Identifier: Apache-2.0
#include "lb/select/slow_start.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

#include <random>
#include <set>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Service slow(std::size_t backends, Duration slow_start = 10s) {
    Service made = service(backends);
    made.slow_start = slow_start;
    return made;
}

std::size_t slots_of(const Stepper& step, std::size_t backend) {
    return static_cast<std::size_t>(std::ranges::count(step.table(), step.life(backend)));
}

}  // namespace

TEST_CASE("weight grows linearly in tenths, is whole after slow_start and a tenth of it", "[slow_start]") {
    std::mt19937 random(1);
    for (int round = 0; round < 1000; ++round) {
        const Duration slow_start = std::chrono::milliseconds(1 + random() % 100'000);
        const TimePoint since = t0 + Duration(random());
        unsigned last = 0;
        for (TimePoint now = since; last < kFullTenths; now = next_step(slow_start, now)) {
            const unsigned tenths = warm_tenths(since, slow_start, now);
            REQUIRE(tenths >= std::max(last, 1U));
            REQUIRE(tenths <= last + 1);
            if (tenths > 1) REQUIRE(now - since >= slow_start / kFullTenths * tenths);
            REQUIRE(now - since <= slow_start / kFullTenths * (tenths + 1));
            last = tenths;
        }
    }
    CHECK(warm_tenths(t0, 0s, t0) == kFullTenths);
}

TEST_CASE("all backends of a service step together: ten tables in each slow_start at the most",
          "[slow_start]") {
    std::set<TimePoint> steps;
    for (int i = 0; i < 1000; ++i) {
        const TimePoint since = t0 + i * 10ms;
        steps.insert(next_step(10s, since));
    }
    CHECK(steps.size() <= 11);
}

TEST_CASE("a backend that recovers begins with a tenth of its weight", "[plan][slow_start]") {
    Stepper step(slow(2));
    step.all_up();
    CHECK(step.table().size() == 2);  // at the start nobody has to
    CHECK_FALSE(step.last.next);
    step.hear(1, refused());
    step.hear(1, up());
    CHECK(slots_of(step, 1) == 1);
    CHECK(slots_of(step, 0) == 10);
    CHECK(effective_weight(step.state, 1) == 0.1);
    unsigned tables = 0;
    double last = 0.1;
    while (step.last.next) {
        REQUIRE(*step.last.next > step.now);
        step.now = *step.last.next;
        step.plan();
        tables += !step.last.plan.tables.empty();
        CHECK(effective_weight(step.state, 1) >= last);
        last = effective_weight(step.state, 1);
    }
    CHECK(tables == 9);
    CHECK(step.now >= t0 + 10s);
    CHECK(step.now <= t0 + 11s);
    CHECK(step.table() == std::vector<LifeId>{step.life(0), step.life(1)});
}

TEST_CASE("a backend that falls again begins again", "[plan][slow_start]") {
    Stepper step(slow(2));
    step.all_up();
    step.hear(1, refused());
    step.hear(1, up());
    step.later(6s);
    CHECK(effective_weight(step.state, 1) >= 0.5);
    step.hear(1, refused());
    CHECK(effective_weight(step.state, 1) == 0);
    CHECK_FALSE(step.table().empty());
    step.hear(1, up());
    CHECK(effective_weight(step.state, 1) == 0.1);
    on_verdict(step.state, 1, refused(), step.now);  // both in one turn
    step.hear(1, up());
    CHECK(effective_weight(step.state, 1) == 0.1);
}

TEST_CASE(
    "who comes by reload, out of maintenance or back from ejection begins slowly; a new service does not",
    "[plan][slow_start]") {
    Stepper step(slow(2));
    step.all_up();
    Service more = slow(3);
    step.reload(more);
    step.hear(2, up());
    CHECK(effective_weight(step.state, 2) == 0.1);
    step.later(11s);
    CHECK(effective_weight(step.state, 2) == 1);
    step.hear_operator(2, OperatorState::maint);
    step.hear_operator(2, OperatorState::ready);
    CHECK(effective_weight(step.state, 2) == 0.1);
    step.later(11s);
    on_ejection(step.state, 2, true);
    step.plan();
    on_ejection(step.state, 2, false);
    step.plan();
    CHECK(effective_weight(step.state, 2) == 0.1);
}

TEST_CASE("with maglev nobody begins slowly: each step would move clients", "[plan][slow_start]") {
    Service config = slow(2);
    config.lb_policy = LbPolicy::maglev;
    Stepper step(config);
    step.all_up();
    const auto before = step.table();
    CHECK(before.size() == 1021);
    step.hear(1, bad_answer());
    step.hear(1, up());
    CHECK(step.table() == before);
    CHECK_FALSE(step.last.next);
}

TEST_CASE("the controller makes the steps by its clock, and status says where they are",
          "[control][slow_start]") {
    Bench bench({slow(2, 200ms)});
    bench.all_up(2);
    bench.hear(1, refused());
    bench.hear(1, up());
    CHECK(bench.status().backends[1].effective_weight < 1);
    CHECK(bench.status().backends[0].effective_weight == 1);
    const std::size_t plans = bench.plane.plans.size();
    REQUIRE(run_until(bench.context, [&] { return bench.status().backends[1].effective_weight == 1; }));
    CHECK(bench.plane.plans.size() <= plans + 10);
    CHECK(bench.plane.plans.back().tables.at(0).slots.size() == 2);
}
