// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/service_state.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// The timeout of a check and the pause before the next urgent one.
constexpr Duration kRound = 1250ms;

}  // namespace

TEST_CASE(
    "no alternative: the order waits, and is given a round after another backend is eligible [E14][E60]",
    "[plan]") {
    const OnNoHealthy policy = GENERATE(OnNoHealthy::fail_open, OnNoHealthy::reject);
    Service config = service(2);
    config.on_no_healthy = policy;
    Stepper step(config);
    step.hear(0, up());
    step.hear(1, refused());
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(contains(step.last.plan.condemn, life));
    CHECK(step.last.orders.empty());
    CHECK(step.is_waiting(0, life));
    step.hear(1, up());
    CHECK_FALSE(step.order(life));  // its own backend may be back as well
    CHECK(step.last.next == step.now + kRound);
    step.later(kRound);
    REQUIRE(step.order(life));
    CHECK_FALSE(step.is_waiting(0, life));
    CHECK(std::ranges::any_of(step.last.orders, [&](const DueOrder& due) {
        return due.order.life == life && due.cause == EndCause::alternative;
    }));
    CHECK(step.plan().orders.empty());
}

TEST_CASE("sockets that were spared stay when their own backend is back, on the life that they had [E60]",
          "[plan]") {
    const OnNoHealthy policy = GENERATE(OnNoHealthy::fail_open, OnNoHealthy::reject);
    Service config = service(1);
    config.on_no_healthy = policy;
    Stepper step(config);
    step.hear(0, up());
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.is_waiting(0, life));
    step.hear(0, up());
    CHECK(step.last.orders.empty());
    CHECK(step.last.plan.drain == Lives{life});
    CHECK_FALSE(step.is_waiting(0, life));
    CHECK(step.life(0) != life);
    CHECK(step.table() == Lives{step.life(0)});
    CHECK(step.later(1h).plan.empty());
    CHECK(step.last.orders.empty());
}

TEST_CASE("everybody was gone, and two are back one after the other: the sockets of both stay [E60]",
          "[plan]") {
    Stepper step(service(2));
    step.all_up();
    on_verdict(step.state, 0, no_answer(), step.now);
    on_verdict(step.state, 1, no_answer(), step.now);
    const LifeId a = step.life(0), b = step.life(1);
    step.plan();
    CHECK(step.is_waiting(0, a));
    CHECK(step.is_waiting(1, b));
    step.hear(0, up());
    CHECK_FALSE(step.order(b));
    CHECK(check_modes(step.state)[1].urgent);
    step.now += kRound - 1ms;
    step.hear(1, up());
    CHECK_FALSE(step.order(b));
    CHECK(step.later(1h).orders.empty());
    CHECK_FALSE(check_modes(step.state)[1].urgent);
}

TEST_CASE("sockets that stayed share the fate of their backend's next life [E60]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    on_verdict(step.state, 0, no_answer(), step.now);
    on_verdict(step.state, 1, no_answer(), step.now);
    const LifeId old = step.life(0);
    step.plan();
    on_verdict(step.state, 0, up(), step.now);
    step.hear(1, up());
    const LifeId young = step.life(0);
    SECTION("it vanishes again") {
        step.hear(0, no_answer());
        CHECK(contains(step.last.plan.condemn, old));
        CHECK(contains(step.last.plan.condemn, young));
        CHECK(step.order(old));
        CHECK(step.order(young));
    }
    SECTION("it is drained") {
        step.hear_operator(0, OperatorState::drain);
        CHECK(step.last.orders.empty());
        step.later(300s);
        CHECK(step.order(old));
        CHECK(step.order(young));
    }
    SECTION("it leaves the configuration: it is gone when the last socket of both lives is") {
        Service without = step.service;
        without.backends.erase(without.backends.begin());
        step.reload(without);
        step.state.backends.back().life->vacated = true;
        step.plan();
        CHECK(step.life(1) == young);
        step.state.backends.back().ended[0].vacated = true;
        step.plan();
        CHECK(contains(step.last.plan.retire, old));
        CHECK(contains(step.last.plan.retire, young));
    }
    SECTION("the operator ends its sockets") {
        CHECK(on_termination(step.state, 0, step.now) == Lives{old, young});
        step.plan();
        CHECK(step.order(old));
        CHECK(step.order(young));
    }
    SECTION("they are closed") {
        step.state.backends[0].ended[0].vacated = true;
        step.plan();
        CHECK(step.last.plan.condemn == Lives{old});
        CHECK(step.last.plan.retire == Lives{old});
        CHECK(step.last.orders.empty());
    }
}

TEST_CASE("sockets whose host has forgotten them end, and those of its next life stay [E60][E77]", "[plan]") {
    const bool before_it_is_up = GENERATE(true, false);
    Stepper step(service(1));
    step.hear(0, up());
    const LifeId old = step.life(0);
    step.now += 10s;
    const TimePoint opened = step.now;
    step.now += 10s;
    step.hear(0, no_answer());
    step.now += 10s;
    if (before_it_is_up) {
        on_restart(step.state, 0, opened, step.now);
        CHECK(step.plan().orders.empty());  // there is nowhere to go
    }
    step.hear(0, up());
    if (!before_it_is_up) {
        CHECK(step.last.orders.empty());
        on_restart(step.state, 0, opened, step.now);
        step.plan();
    }
    REQUIRE(step.last.orders.size() == 1);
    CHECK(step.last.orders[0].order.life == old);
    CHECK(step.last.orders[0].cause == EndCause::restarted);
}

TEST_CASE("a host that was restarted before any check failed: its sockets end, it goes on serving [E77]",
          "[plan]") {
    const SocketFate fate = GENERATE(SocketFate::terminate, SocketFate::keep);
    Stepper step(with({.on_restarted = fate}, Protocol::tcp, 2));
    step.all_up();
    const LifeId old = step.life(0);
    on_restart(step.state, 0, step.now + 5s, step.now + 6s);
    step.later(6s);
    CHECK((step.order(old) != nullptr) == (fate == SocketFate::terminate));
    CHECK((step.life(0) == old) == (fate == SocketFate::keep));
    CHECK(contains(step.table(), step.life(0)));
}

TEST_CASE("a life that began after the forgotten connection is not concerned [E77]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    on_restart(step.state, 0, step.now - 1ms, step.now);
    CHECK(step.plan().plan.empty());
}

TEST_CASE("only_if_alternative: false ends the sockets at once [E14]", "[plan]") {
    Stepper step(with({.only_if_alternative = false}, Protocol::tcp, 1));
    step.hear(0, up());
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.order(life));
    CHECK_FALSE(step.is_waiting(0, life));
}

TEST_CASE("an eligible backend of another family is no alternative [E14][E60]", "[plan]") {
    Service config = service(1);
    config.backends.push_back(backend("six", "[fd00::1]:5432"));
    Stepper step(config);
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.is_waiting(0, life));
}

TEST_CASE("no alternative: a drain's UDP move waits as well [E14]", "[plan]") {
    Service config = service(2, Protocol::udp);
    config.on_no_healthy = OnNoHealthy::reject;
    Stepper step(config);
    step.hear(0, up());
    step.hear(1, no_answer());
    const LifeId life = step.life(0);
    step.hear(0, refused());
    CHECK(step.last.orders.empty());
    step.hear(1, up());
    REQUIRE(step.order(life));
    CHECK_FALSE(step.order(life)->terminate_tcp);
}

TEST_CASE("a backend that fail_open still uses is not drained until there is somewhere to go [E14]",
          "[plan]") {
    Stepper step(service(2));
    step.all_up();
    step.hear(1, no_answer());
    const LifeId life = step.life(0);
    step.hear(0, refused());
    CHECK(step.last.plan.drain.empty());
    CHECK(step.table() == Lives{life});
    CHECK(step.later(400s).plan.empty());
    step.hear(1, up());
    CHECK(step.last.plan.drain == Lives{life});
    CHECK(step.last.next == step.now + 300s);
}

TEST_CASE("a fail-open backend that vanishes gets another life for fail_open [E62][E14]", "[plan]") {
    Stepper step(service(1));
    step.hear(0, up());
    step.hear(0, refused());
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.last.plan.condemn == Lives{life});
    CHECK(step.table() == Lives{step.life(0)});
    CHECK(step.life(0) != life);
}

TEST_CASE("grace of a backend that fail_open uses: it serves meanwhile, then has a new life", "[plan]") {
    Stepper step(with({.grace = 2s}, Protocol::tcp, 1));
    step.hear(0, up());
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.table() == Lives{life});
    step.later(2s);
    CHECK(step.last.plan.condemn == Lives{life});
    CHECK(step.table() == Lives{step.life(0)});
    CHECK(step.is_waiting(0, life));
    CHECK(step.later(60s).plan.empty());
}
