// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// Backend 0 is the local one, 1 the remote one.
Service redirecting(Protocol protocol = Protocol::udp,
                    OnRecover on_recover = OnRecover::terminate_lower_priority) {
    Service made = service(2, protocol);
    made.backends[1].priority = 1;
    made.connections.on_recover = on_recover;
    return made;
}

Service draining_quietly(Duration quiet) {
    Service made = service(2);
    made.connections.drain_quiet = quiet;
    return made;
}

}  // namespace

TEST_CASE("sockets follow when the level before theirs carries again [E21]", "[plan][redirect]") {
    const Protocol protocol = GENERATE(Protocol::udp, Protocol::tcp);
    Stepper step(redirecting(protocol));
    step.all_up();
    CHECK(step.table() == Lives{step.life(0)});
    step.hear(0, no_answer());
    const LifeId remote = step.life(1);
    CHECK(step.table() == Lives{remote});
    step.hear(0, up());
    CHECK(step.table() == Lives{step.life(0)});
    CHECK(step.last.plan.condemn == Lives{remote});
    REQUIRE(step.order(remote));
    CHECK(step.order(remote)->udp == UdpFate::repoint);
    CHECK(step.last.orders[0].cause == EndCause::recovered);
    CHECK(step.life(1) != 0);  // stands by, a new life
    CHECK(step.life(1) != remote);
    CHECK(step.plan().plan.empty());
}

TEST_CASE("on_recover: keep leaves sockets where they are", "[plan][redirect]") {
    Stepper step(redirecting(Protocol::udp, OnRecover::keep));
    step.all_up();
    step.hear(0, no_answer());
    step.hear(0, up());
    CHECK(step.last.plan.condemn.empty());
    CHECK(step.last.orders.empty());
}

TEST_CASE("what never served has no sockets to follow: at the start nothing is condemned",
          "[plan][redirect]") {
    Stepper step(redirecting());
    step.hear(0, up());
    step.hear(1, up());
    CHECK(step.last.plan.condemn.empty());
    CHECK(step.plan().plan.empty());
}

TEST_CASE("a priority that a reload changes makes sockets follow too [E21]", "[plan][redirect]") {
    Service before = redirecting();
    before.backends[1].priority = 0;
    Stepper step(before);
    step.all_up();
    const LifeId remote = step.life(1);
    step.reload(redirecting());
    CHECK(step.last.plan.condemn == Lives{remote});
    CHECK(step.order(remote));
}

TEST_CASE("an ejected backend gets no new connections; on_ejected decides about its sockets", "[plan]") {
    const SocketFate fate = GENERATE(SocketFate::keep, SocketFate::drain, SocketFate::terminate);
    Service config = service(2);
    config.connections.on_ejected = fate;
    Stepper step(config);
    step.all_up();
    const LifeId life = step.life(0);
    on_ejection(step.state, 0, true);
    step.plan();
    CHECK(step.table() == Lives{step.life(1)});
    CHECK((step.last.plan.condemn == Lives{life}) == (fate == SocketFate::terminate));
    CHECK((step.last.plan.drain == Lives{life}) == (fate != SocketFate::terminate));
    CHECK(step.plan().plan.empty());
    on_ejection(step.state, 0, false);
    step.plan();
    CHECK(step.table().size() == 2);
}

TEST_CASE("the last backend serves though it is ejected: ejection never empties a service [E44]", "[plan]") {
    Service config = service(1);
    config.connections.on_ejected = SocketFate::terminate;
    Stepper step(config);
    step.all_up();
    on_ejection(step.state, 0, true);
    step.plan();
    CHECK(step.table() == Lives{step.life(0)});
    CHECK(step.plan().plan.empty());
}

TEST_CASE(
    "drain_quiet: idle TCP sockets are ended every quarter of it, at least every second, while draining",
    "[plan]") {
    Stepper step(draining_quietly(8s));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    REQUIRE(step.order(life));
    CHECK(step.order(life)->terminate_tcp);
    CHECK(step.order(life)->udp == UdpFate::keep);
    CHECK(step.order(life)->quiet_for == 8s);
    CHECK(step.last.orders[0].cause == EndCause::quiet);
    CHECK(step.last.plan.condemn.empty());
    CHECK(step.last.next == t0 + 2s);
    CHECK(step.plan().orders.empty());
    CHECK(step.later(2s).orders.size() == 1);
    step.hear(0, up());
    CHECK(step.last.plan.resume == Lives{life});
    CHECK_FALSE(step.last.next);
    CHECK(step.later(10s).orders.empty());
}

TEST_CASE("drain_quiet: after each look the next comes as soon as it says, unless looking takes long",
          "[plan]") {
    const auto next_look = [](Duration quiet, Duration took) {
        Stepper step(draining_quietly(quiet));
        step.all_up();
        step.hear(0, refused());
        REQUIRE(step.last.next == t0 + std::max<Duration>(1s, quiet / 4));
        on_quiet_look(step.state, 0, step.life(0), took, t0 + took);
        return *step.plan().next - t0;
    };
    CHECK(next_look(20ms, 0ms) == 50ms);
    CHECK(next_look(400ms, 1ms) == 101ms);
    CHECK(next_look(20ms, 20ms) == 200ms);
    CHECK(next_look(20ms, 500ms) == 1s);
    CHECK(next_look(8s, 1ms) == 2s);
    Stepper step(draining_quietly(20ms));
    step.all_up();
    CHECK_FALSE(on_quiet_look(step.state, 0, step.life(0), 1ms, t0));
}

TEST_CASE("a reload that turns drain_quiet off during a drain ends no socket by it", "[plan][reload]") {
    Stepper step(draining_quietly(8s));
    step.all_up();
    step.hear(0, refused());
    step.reload(service(2));
    CHECK(step.last.next == t0 + 300s);
    CHECK(step.later(2s).orders.empty());
}

TEST_CASE("drain_quiet is no way around only_if_alternative", "[plan]") {
    Stepper step(draining_quietly(1s));
    step.all_up();
    step.hear_operator(0, OperatorState::drain);
    step.hear_operator(1, OperatorState::drain);
    CHECK(step.later(1s).orders.empty());
}

TEST_CASE("close_spread goes into the orders that end sockets", "[plan][E45]") {
    Service config = service(2);
    config.connections.close_spread = 7s;
    Stepper step(config);
    step.all_up();
    const LifeId dead = step.life(0);
    step.hear(0, no_answer());
    REQUIRE(step.order(dead));
    CHECK(step.order(dead)->spread == Duration(7s));
}

TEST_CASE("the operator ends the sockets now: a new life begins, alternative or not", "[plan]") {
    Stepper step(service(1));
    step.all_up();
    const LifeId old = step.life(0);
    CHECK(on_termination(step.state, 0, step.now) == Lives{old});
    step.plan();
    CHECK(step.last.plan.condemn == Lives{old});
    CHECK(step.order(old));
    CHECK(step.life(0) != old);
    CHECK(step.table() == Lives{step.life(0)});
    step.hear(0, refused());
    step.hear(0, no_answer());
    REQUIRE(step.last.orders.empty());  // spared: no alternative
    const Lives spared = on_termination(step.state, 0, step.now);
    step.plan();
    CHECK(step.last.orders.size() == spared.size());
}

TEST_CASE("a connect that raced a draining UDP life is moved as well, if they were to be moved [E29]",
          "[plan]") {
    Stepper step(service(2, Protocol::udp));
    step.all_up();
    const LifeId life = step.life(0);
    CHECK_FALSE(order_again(step.state, 0, life));
    step.hear(0, refused());
    const auto again = order_again(step.state, 0, life);
    REQUIRE(again);
    CHECK_FALSE(again->terminate_tcp);
    CHECK(again->udp == UdpFate::repoint);
    step.hear(0, up());
    CHECK_FALSE(order_again(step.state, 0, life));
}

TEST_CASE(
    "a verdict that is held: the table changes at once, sockets wait for the round, or it recovers [E67]",
    "[plan]") {
    const bool recovers = GENERATE(true, false);
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    on_verdict(step.state, 0, no_answer(), step.now, step.now + 2s);
    step.plan();
    CHECK(step.table() == Lives{step.life(1)});
    CHECK(step.last.plan.drain == Lives{life});
    CHECK(step.last.orders.empty());
    step.later(1s);
    CHECK(step.last.plan.empty());
    if (recovers) {
        step.hear(0, up());
        CHECK(step.last.plan.resume == Lives{life});
        CHECK(step.later(10s).plan.empty());
    } else {
        step.later(1s);
        CHECK(step.last.plan.condemn == Lives{life});
        REQUIRE(step.last.orders.size() == 1);
        CHECK(step.last.orders[0].cause == EndCause::suspicion_over);
    }
}

TEST_CASE(
    "a backend that a policy denies serves nobody; its sockets end if the policy says so, alternative or not",
    "[plan][E21]") {
    const auto existing = GENERATE(ExistingSockets::terminate, ExistingSockets::keep);
    Stepper step(service(1));
    step.all_up();
    const LifeId life = step.life(0);
    const std::vector<AccessPolicy> deny = {
        {.name = "no", .to = {{.cidr = {parse_address("10.0.1.0").value(), 120}}}, .existing = existing}};
    CHECK(on_policies(step.state, deny));
    CHECK_FALSE(on_policies(step.state, deny));
    step.plan();
    CHECK(step.table().empty());
    CHECK((step.order(life) != nullptr) == (existing == ExistingSockets::terminate));
    CHECK(step.plan().plan.empty());
    CHECK(on_policies(step.state, {}));
    step.plan();
    CHECK(step.table() == Lives{step.life(0)});
    CHECK((step.life(0) == life) == (existing == ExistingSockets::keep));
}
