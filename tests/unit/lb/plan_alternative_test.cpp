// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lb/control_support.hpp"

#include <catch2/catch.hpp>

using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

using Lives = std::vector<LifeId>;

}  // namespace

TEST_CASE("no alternative: the order waits, and is given when another backend is eligible [E14][E60]",
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
    REQUIRE(step.order(life));
    CHECK_FALSE(step.is_waiting(0, life));
    CHECK(std::ranges::any_of(step.last.orders, [&](const DueOrder& due) {
        return due.order.life == life && due.cause == EndCause::alternative;
    }));
    CHECK(step.plan().orders.empty());
}

TEST_CASE("no alternative: the same backend returns, its spared sockets are ended then [E60]", "[plan]") {
    Stepper step(service(1));
    step.hear(0, up());
    const LifeId life = step.life(0);
    step.hear(0, no_answer());
    CHECK(step.is_waiting(0, life));
    step.hear(0, up());
    CHECK(step.order(life));
    CHECK(contains(step.table(), step.life(0)));
    CHECK(step.life(0) != life);
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
