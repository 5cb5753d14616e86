// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

TEST_CASE("a draining backend that becomes unresponsive drains on, unless on_unresponsive ends it [E79]",
          "[plan]") {
    const SocketFate fate = GENERATE(SocketFate::drain, SocketFate::terminate);
    Stepper step(with({.on_unresponsive = fate}));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear_operator(0, OperatorState::drain);
    step.later(100s);
    step.hear(0, unresponsive());
    if (fate == SocketFate::terminate) {
        CHECK(step.last.plan.condemn == Lives{life});
    } else {
        CHECK(step.last.plan.condemn.empty());
        CHECK(step.last.next == t0 + 300s);
        CHECK(step.later(200s).plan.condemn == Lives{life});
    }
}

TEST_CASE("a backend that drains as unresponsive is ended at once when its host vanishes [E62][E79]",
          "[plan]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, unresponsive());
    CHECK(step.last.plan.drain == Lives{life});
    step.hear(0, no_answer());
    CHECK(step.last.plan.condemn == Lives{life});
}
