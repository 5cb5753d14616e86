// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/fate.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

TEST_CASE("no answer: the new table and the condemnation come in one plan, the order after it [E01]",
          "[plan]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId dead = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.last.plan.condemn == Lives{dead});
    REQUIRE(step.last.plan.tables.size() == 1);
    CHECK(step.last.plan.tables[0].slots == Lives{step.life(1)});
    REQUIRE(step.last.orders.size() == 1);
    CHECK(step.last.orders[0].backend == 0);
    CHECK(step.last.orders[0].cause == EndCause::verdict);
    REQUIRE(step.order(dead));
    CHECK(step.order(dead)->terminate_tcp);
    CHECK(step.order(dead)->udp == UdpFate::repoint);
    CHECK(step.life(0) == 0);
    CHECK(step.plan().orders.empty());
}

TEST_CASE("the udp fate goes into the order as it is configured", "[plan]") {
    for (UdpFate fate : {UdpFate::repoint, UdpFate::terminate, UdpFate::keep}) {
        Stepper step(with({.udp = fate}, Protocol::udp));
        step.all_up();
        const LifeId dead = step.life(0);
        step.hear(0, no_answer());
        REQUIRE(step.order(dead));
        CHECK(step.order(dead)->udp == fate);
    }
}

TEST_CASE("the kind of failure chooses the fate", "[plan]") {
    const auto drained = GENERATE(refused(), bad_answer(), unresponsive());
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, drained);
    CHECK(step.last.plan.drain == Lives{life});
    CHECK(step.last.plan.condemn.empty());
    CHECK(step.table() == Lives{step.life(1)});
}

TEST_CASE("each kind of failure has a setting of its own", "[plan]") {
    const Connections connections{.on_unreachable = SocketFate::keep,
                                  .on_refused = SocketFate::terminate,
                                  .on_check_failed = SocketFate::drain,
                                  .on_unresponsive = SocketFate::terminate};
    CHECK(fate_of(connections, ProbeOutcome::no_answer) == SocketFate::keep);
    CHECK(fate_of(connections, ProbeOutcome::refused) == SocketFate::terminate);
    CHECK(fate_of(connections, ProbeOutcome::answered_badly) == SocketFate::drain);
    CHECK(fate_of(connections, ProbeOutcome::unresponsive) == SocketFate::terminate);
    CHECK(fate_of(connections, ProbeOutcome::not_probed) == SocketFate::keep);
}

TEST_CASE("a drain ends after drain_timeout, and not a moment before [E18]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    CHECK(step.last.orders.empty());
    CHECK(step.last.next == t0 + 300s);
    CHECK(step.later(300s - 1ns).plan.empty());
    step.later(1ns);
    CHECK(step.last.plan.condemn == Lives{life});
    REQUIRE(step.order(life));
    CHECK(step.order(life)->terminate_tcp);
    CHECK(step.last.orders[0].cause == EndCause::drain_timeout);
    CHECK_FALSE(step.last.next);
}

TEST_CASE("a drain moves connected UDP sockets at once, unless they are to be kept [E18]", "[plan]") {
    const UdpFate fate = GENERATE(UdpFate::repoint, UdpFate::terminate, UdpFate::keep);
    Stepper step(with({.udp = fate}, Protocol::udp));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    CHECK(step.last.plan.drain == Lives{life});
    CHECK((step.order(life) != nullptr) == (fate != UdpFate::keep));
    if (step.order(life)) {
        CHECK_FALSE(step.order(life)->terminate_tcp);
        CHECK(step.order(life)->udp == fate);
    }
    CHECK(step.plan().orders.empty());
}

TEST_CASE("the drain of a TCP service gives no order: there is no UDP socket to move [E11]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    CHECK(step.hear(0, refused()).orders.empty());
}

TEST_CASE("keep: no new sockets, no orders, for ever", "[plan]") {
    Stepper step(with({.on_refused = SocketFate::keep}, Protocol::udp));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    CHECK(step.last.plan.drain == Lives{life});
    CHECK(step.last.orders.empty());
    CHECK_FALSE(step.last.next);
    CHECK(step.later(24h).plan.empty());
}

TEST_CASE("recovery while draining resumes the same life and stops the clock [E61]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    step.later(299s);
    step.hear(0, up());
    CHECK(step.last.plan.resume == Lives{life});
    CHECK(step.last.plan.begin.empty());
    CHECK(step.table() == Lives{life, step.life(1)});
    CHECK_FALSE(step.last.next);
    CHECK(step.later(400s).plan.empty());
}

TEST_CASE("a second drain has its full time again", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    step.hear(0, refused());
    step.later(200s);
    step.hear(0, up());
    step.hear(0, bad_answer());
    CHECK(step.last.next == t0 + 500s);
}

TEST_CASE("another kind of failure with the same fate does not prolong a drain", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    step.hear(0, refused());
    step.later(100s);
    step.hear(0, bad_answer());
    CHECK(step.last.next == t0 + 300s);
}

TEST_CASE("a draining backend that no longer answers is ended at once [E62]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    step.later(10s);
    step.hear(0, no_answer());
    CHECK(step.last.plan.condemn == Lives{life});
    REQUIRE(step.order(life));
    CHECK(step.order(life)->terminate_tcp);
}

TEST_CASE("a backend drained by the operator that no longer answers is ended at once [E62]", "[plan]") {
    const Duration grace = GENERATE(Duration::zero(), Duration(2s));
    Stepper step(with({.grace = grace}));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear_operator(0, OperatorState::drain);
    step.hear(0, no_answer());
    if (grace > Duration::zero()) step.later(grace);
    CHECK(step.last.plan.condemn == Lives{life});
    CHECK(step.order(life));
}

TEST_CASE("the operator's drain and maint follow on_drain [E18]", "[plan]") {
    const OperatorState said = GENERATE(OperatorState::drain, OperatorState::maint);
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear_operator(0, said);
    CHECK(step.last.plan.drain == Lives{life});
    CHECK(step.table() == Lives{step.life(1)});
    step.hear_operator(0, OperatorState::ready);
    CHECK(step.last.plan.resume == Lives{life});
    CHECK(step.table().size() == 2);
}

TEST_CASE("on_drain: terminate ends the sockets without grace", "[plan]") {
    Stepper step(with({.on_drain = SocketFate::terminate, .grace = 5s}));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear_operator(0, OperatorState::maint);
    CHECK(step.last.plan.condemn == Lives{life});
    REQUIRE(step.last.orders.size() == 1);
    CHECK(step.last.orders[0].cause == EndCause::taken_out);
}

TEST_CASE("recovery after condemnation is a new life; the old one is still ended [E33][E65]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId old = step.life(0);
    step.hear(0, no_answer());
    REQUIRE(step.order(old));
    step.hear(0, up());
    const LifeId fresh = step.life(0);
    CHECK(fresh != old);
    CHECK(contains(step.table(), fresh));
    CHECK_FALSE(contains(step.table(), old));
    CHECK(step.last.orders.empty());
    CHECK(step.last.plan.resume.empty());
}

TEST_CASE("a verdict and the recovery folded into one plan still end the old life [E65]", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId old = step.life(0);
    on_verdict(step.state, 0, no_answer(), step.now);
    on_verdict(step.state, 0, up(), step.now);
    step.plan();
    CHECK(step.last.plan.condemn == Lives{old});
    CHECK(step.order(old));
    CHECK(step.life(0) != old);
    CHECK(contains(step.table(), step.life(0)));
}

TEST_CASE("grace: the table changes at once, the sockets wait, then they are ended", "[plan]") {
    Stepper step(with({.grace = 2s}));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.table() == Lives{step.life(1)});
    CHECK(step.last.plan.drain == Lives{life});
    CHECK(step.last.plan.condemn.empty());
    CHECK(step.last.orders.empty());
    CHECK(step.last.next == t0 + 2s);
    CHECK(step.later(2s - 1ns).plan.empty());
    step.later(1ns);
    CHECK(step.last.plan.condemn == Lives{life});
    REQUIRE(step.order(life));
    CHECK(step.last.orders[0].cause == EndCause::grace_over);
}

TEST_CASE("grace is cancelled by a recovery [E19]", "[plan]") {
    Stepper step(with({.grace = 2s}));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    step.later(1s);
    step.hear(0, up());
    CHECK(step.last.plan.resume == Lives{life});
    CHECK_FALSE(step.last.next);
    CHECK(step.later(10s).plan.empty());
}

TEST_CASE("grace holds the UDP move of a drain back as well", "[plan]") {
    Stepper step(with({.grace = 2s}, Protocol::udp));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    CHECK(step.last.orders.empty());
    CHECK(step.last.next == t0 + 2s);
    step.later(2s);
    REQUIRE(step.order(life));
    CHECK_FALSE(step.order(life)->terminate_tcp);
    CHECK(step.last.next == t0 + 300s);
}

TEST_CASE("a condemned life whose last socket is gone is retired, waiting or not", "[plan][E09]") {
    const bool alternative = GENERATE(true, false);
    Stepper step(service(2));
    step.hear(0, up());
    step.hear(1, alternative ? up() : refused());
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    REQUIRE(step.state.backends[0].ended.size() == 1);
    step.state.backends[0].ended[0].vacated = true;
    step.plan();
    CHECK(step.last.plan.retire == Lives{life});
    CHECK(step.last.orders.empty());
    CHECK(step.state.backends[0].ended.empty());
}

TEST_CASE("a life that a refused plan began keeps its id for the next attempt", "[plan][E33]") {
    Stepper step(service(2));
    step.all_up();
    step.hear(0, no_answer());
    on_verdict(step.state, 0, up(), step.now);
    const Decision failed = make_plan(step.state, step.next_life, step.now);
    REQUIRE(failed.plan.begin.size() == 1);
    on_refused(step.state, failed.after);
    step.plan();
    REQUIRE(step.last.plan.begin.size() == 1);
    CHECK(step.last.plan.begin[0].life == failed.plan.begin[0].life);
    CHECK(step.last.plan.tables.size() == 1);
}
