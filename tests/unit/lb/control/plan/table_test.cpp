// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Service two_families() {
    Service made = service(1);
    made.backends.push_back(backend("six", "[fd00::1]:5432"));
    return made;
}

}  // namespace

TEST_CASE("at the start unchecked backends serve, by the lowest priority", "[plan]") {
    Service config = service(3);
    config.backends[2].priority = 1;
    Stepper step(config);
    CHECK(step.last.plan.add_services.size() == 1);
    CHECK(step.last.plan.begin.size() == 2);
    CHECK(step.table() == Lives{step.life(0), step.life(1)});
    CHECK(step.life(2) == 0);
}

TEST_CASE("life ids count up from the first unused one", "[plan][E33]") {
    Stepper step(service(2));
    CHECK(step.life(0) == 100);
    CHECK(step.life(1) == 101);
    CHECK(step.next_life == 102);
}

TEST_CASE("an unchecked backend is left alone once a healthy one exists, and keeps its life", "[plan]") {
    Stepper step(service(2));
    const LifeId unchecked = step.life(1);
    step.hear(0, up());
    CHECK(step.table() == Lives{step.life(0)});
    CHECK(step.life(1) == unchecked);
    CHECK(step.last.plan.drain.empty());
    step.hear(1, up());
    CHECK(step.life(1) == unchecked);
    CHECK(step.last.plan.begin.empty());
    CHECK(step.table().size() == 2);
}

TEST_CASE("a healthy backend of a worse priority wins over an unchecked one of the best", "[plan]") {
    Service config = service(2);
    config.backends[1].priority = 1;
    Stepper step(config);
    step.hear(1, up());
    CHECK(step.table() == Lives{step.life(1)});
}

TEST_CASE("a backend without a check is up from the start", "[plan]") {
    Service config = service(2);
    config.health_check.type = CheckType::none;
    Stepper step(config);
    CHECK(eligible_count(step.state) == 2);
    CHECK(step.state.family(Family::v4).from == ChosenFrom::eligible);
}

TEST_CASE(
    "the lowest priority with an eligible backend carries everything, the next has its life ready [E21]",
    "[plan]") {
    Service config = service(3);
    config.backends[1].priority = config.backends[2].priority = 1;
    Stepper step(config);
    step.all_up();
    CHECK(step.table() == Lives{step.life(0)});
    const LifeId standby = step.life(1);
    CHECK(standby != 0);
    step.hear(0, no_answer());
    CHECK(step.table() == Lives{standby, step.life(2)});
    CHECK(step.last.plan.begin.empty());
    step.hear(0, up());
    CHECK(step.table() == Lives{step.life(0)});
}

TEST_CASE("slots follow the weights, in the order of the configuration", "[plan]") {
    Service config = service(2);
    config.backends[0].weight = 2;
    Stepper step(config);
    step.all_up();
    CHECK(step.table().size() == 3);
    CHECK(std::ranges::count(step.table(), step.life(0)) == 2);
}

TEST_CASE("weight 0, drain and maint from the start mean no life and no slot", "[plan]") {
    Service config = service(4);
    config.backends[1].weight = 0;
    config.backends[2].state = OperatorState::drain;
    config.backends[3].state = OperatorState::maint;
    Stepper step(config);
    step.all_up();
    CHECK(step.table() == Lives{step.life(0)});
    CHECK(step.life(1) == 0);
    CHECK(step.life(2) == 0);
    CHECK(step.life(3) == 0);
    CHECK(eligible_count(step.state) == 1);
}

TEST_CASE("each family has a table of its own and fails over by itself", "[plan][E10]") {
    Stepper step(two_families());
    step.all_up();
    CHECK(step.table(Family::v4) == Lives{step.life(0)});
    CHECK(step.table(Family::v6) == Lives{step.life(1)});
    step.hear(1, no_answer());
    REQUIRE(step.last.plan.tables.size() == 1);
    CHECK(step.last.plan.tables[0].family == Family::v6);
}

TEST_CASE("a family that clients may ask for and nobody serves gets an explicit empty table", "[plan][E16]") {
    Service config = service(0);
    config.addresses.push_back(parse_endpoint("[fd00::10]:5432").value());
    config.backends = {backend("four", "10.0.1.1:5432")};
    Stepper step(config);
    REQUIRE(step.last.plan.tables.size() == 2);
    CHECK(step.last.plan.tables[1].family == Family::v6);
    CHECK(step.last.plan.tables[1].slots.empty());
}

TEST_CASE("a table that did not change is not published again", "[plan]") {
    Stepper step(service(2));
    step.hear(0, up());
    step.hear(1, up());
    CHECK(step.plan().plan.empty());
    CHECK(step.hear(0, up()).plan.empty());
}

TEST_CASE("none eligible, fail_open: the last healthy ones serve, on new lives [E14][E20]", "[plan]") {
    Stepper step(service(3));
    step.hear(0, no_answer());
    step.hear(1, up());
    step.hear(2, up());
    step.hear(1, no_answer());
    const LifeId old = step.life(2);
    step.hear(2, no_answer());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::fail_open);
    CHECK(step.table() == Lives{step.life(2)});
    CHECK(step.life(2) != old);
    CHECK(contains(step.last.plan.condemn, old));
    CHECK(step.is_waiting(2, old));
}

TEST_CASE("none was ever healthy, fail_open: all ready ones serve, never maint or drain [E20]", "[plan]") {
    Service config = service(4);
    config.backends[2].state = OperatorState::maint;
    config.backends[3].state = OperatorState::drain;
    Stepper step(config);
    for (std::size_t i = 0; i < 4; ++i) step.hear(i, no_answer());
    CHECK(step.table() == Lives{step.life(0), step.life(1)});
    CHECK(step.life(2) == 0);
    CHECK(step.life(3) == 0);
}

TEST_CASE("fail_open passes over a last healthy one that the operator took away [E20]", "[plan]") {
    Stepper step(service(2));
    step.hear(0, no_answer());
    step.hear(1, up());
    step.hear_operator(1, OperatorState::maint);
    CHECK(step.table() == Lives{step.life(0)});
}

TEST_CASE("none eligible, reject: an empty table [E14][E20]", "[plan]") {
    Service config = service(2);
    config.on_no_healthy = OnNoHealthy::reject;
    Stepper step(config);
    step.all_up();
    step.hear(0, no_answer());
    step.hear(1, refused());
    CHECK(step.table().empty());
    REQUIRE(step.last.plan.tables.size() == 1);
    CHECK(step.last.plan.tables[0].slots.empty());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::nothing);
}

TEST_CASE("a fail-open life stays as the backend's life when it recovers [E14]", "[plan]") {
    Stepper step(service(1));
    step.hear(0, up());
    step.hear(0, no_answer());
    const LifeId fail_open = step.life(0);
    step.hear(0, up());
    CHECK(step.life(0) == fail_open);
    CHECK(step.last.plan.begin.empty());
    CHECK(step.last.plan.tables.empty());
}

TEST_CASE("a fail-open life is judged by the last verdict once others are eligible [E14]", "[plan]") {
    Stepper step(service(2));
    step.hear(0, up());
    step.hear(1, refused());
    step.hear(0, no_answer());
    const LifeId fail_open = step.life(0);
    REQUIRE(step.table() == Lives{fail_open});
    step.hear(1, up());
    CHECK(step.table() == Lives{step.life(1)});
    CHECK(contains(step.last.plan.condemn, fail_open));
    REQUIRE(step.order(fail_open));
    CHECK(step.order(fail_open)->terminate_tcp);
}

TEST_CASE("two services that share a backend are judged each by itself [E12][E13]", "[plan]") {
    Stepper a(service(2)), b(service(2));
    a.all_up();
    b.all_up();
    a.hear(0, no_answer());
    CHECK(a.table().size() == 1);
    CHECK(b.plan().plan.empty());
    CHECK(b.table().size() == 2);
}

TEST_CASE("dual stack, one family without an eligible backend is refused while the other has one [E85][E20]",
          "[plan]") {
    Service config = two_families();
    config.addresses.push_back(parse_endpoint("[fd00::10]:5432").value());
    config.on_no_healthy = OnNoHealthy::fail_open;
    Stepper step(config);
    step.all_up();
    const LifeId old = step.life(1);
    step.hear(1, no_answer());
    CHECK(step.state.family(Family::v6).from == ChosenFrom::nothing);
    CHECK(step.table(Family::v6).empty());
    CHECK(step.is_waiting(1, old));
    CHECK(step.table(Family::v4) == Lives{step.life(0)});
    step.hear(0, no_answer());  // with both dead on_no_healthy decides for both
    CHECK(step.state.family(Family::v6).from == ChosenFrom::fail_open);
    CHECK(step.table(Family::v6) == Lives{step.life(1)});
    CHECK(step.table(Family::v4) == Lives{step.life(0)});
    step.hear(1, up());
    CHECK(step.table(Family::v4).empty());
    CHECK(step.table(Family::v6) == Lives{step.life(1)});
    step.hear(0, up());
    CHECK(step.table(Family::v4) == Lives{step.life(0)});
}

TEST_CASE("dual stack, backends of a family that was not checked yet serve it [E85]", "[plan]") {
    Service config = two_families();
    config.addresses.push_back(parse_endpoint("[fd00::10]:5432").value());
    Stepper step(config);
    step.hear(0, up());
    CHECK(step.state.family(Family::v6).from == ChosenFrom::unchecked);
    CHECK(step.table(Family::v6) == Lives{step.life(1)});
}

TEST_CASE("an eligible backend of a family that no client can dial refuses nobody of the other [E85]",
          "[plan]") {
    Stepper step(two_families());  // one IPv4 address
    step.all_up();
    step.hear(0, no_answer());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::fail_open);
    CHECK(step.table(Family::v4) == Lives{step.life(0)});
}
