// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

TEST_CASE("weight 0, configured or set, keeps open sockets for ever", "[plan]") {
    const bool configured = GENERATE(true, false);
    const Protocol protocol = GENERATE(Protocol::tcp, Protocol::udp);
    Service config = with({.on_drain = SocketFate::terminate, .drain_timeout = 5s}, protocol);
    Stepper step(config);
    step.all_up();
    const LifeId life = step.life(0);
    config.backends[0].weight = 0;
    if (configured) {
        step.reload(config);
    } else {
        on_weight(step.state, 0, 0);
        step.plan();
    }
    CHECK(step.last.plan.drain == Lives{life});
    CHECK(step.table() == Lives{step.life(1)});
    CHECK(step.last.plan.condemn.empty());
    CHECK(step.last.orders.empty());
    CHECK_FALSE(step.last.next);
    CHECK(step.later(24h).plan.empty());
}

TEST_CASE("a backend of weight 0 that is drained or dies is treated like any other", "[plan]") {
    Stepper step(with({.drain_timeout = 5s}));
    step.all_up();
    const LifeId life = step.life(0);
    on_weight(step.state, 0, 0);
    step.plan();
    SECTION("drained") {
        step.hear_operator(0, OperatorState::drain);
        CHECK(step.last.next == t0 + 5s);
        CHECK(step.later(5s).plan.condemn == Lives{life});
    }
    SECTION("its host vanishes") {
        step.hear(0, no_answer());
        CHECK(step.last.plan.condemn == Lives{life});
    }
}
