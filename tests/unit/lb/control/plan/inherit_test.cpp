// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

using State = Inheritance::State;

Inheritance::Life left(LifeId life, std::string_view backend, State state) {
    return {{life, 5, parse_endpoint(backend).value()}, state};
}

ServiceSpec spec_of(const Service& service) {
    return {5, service.name, service.protocol, service.addresses, service.lb_policy};
}

/// The first decision on top of what was left behind.
struct Heir {
    Heir(const Service* configured, const ServiceSpec& spec, std::vector<Inheritance::Life> lives,
         std::vector<OperatorOverride> overrides = {})
        : state(inherit(configured, spec, std::move(lives), std::move(overrides))) {
        plan();
    }
    void plan() {
        last = make_plan(state, next_life, now);
        state = last.after;
    }
    /// The first check of this process passes.
    void passes(std::size_t backend) {
        state.backends[backend].presumed = false;
        plan();
    }
    ServiceState state;
    Decision last;
    LifeId next_life = 100;
    TimePoint now = t0;
};

}  // namespace

TEST_CASE("what served goes on serving: the same lives, the same table, nothing begins [E40]",
          "[plan][inherit]") {
    const Service config = service(2);
    Heir heir(&config, spec_of(config),
              {left(8, "10.0.1.2:5432", State::serving), left(7, "10.0.1.1:5432", State::serving)});
    CHECK(heir.last.plan.add_services.empty());
    CHECK(heir.last.plan.change_services.empty());
    CHECK(heir.last.plan.begin.empty());
    CHECK(heir.last.plan.drain.empty());
    CHECK(heir.last.plan.condemn.empty());
    REQUIRE(heir.last.plan.tables.size() == 1);
    CHECK(heir.last.plan.tables[0].service == 5);
    CHECK(heir.last.plan.tables[0].slots == Lives{7, 8});
}

TEST_CASE(
    "a backend without a serving life was down when the process before us ended, and is until it passes",
    "[plan][inherit]") {
    const Service config = service(2);
    Heir heir(&config, spec_of(config),
              {left(7, "10.0.1.1:5432", State::serving), left(8, "10.0.1.2:5432", State::draining)});
    CHECK(heir.last.plan.tables.at(0).slots == Lives{7});
    CHECK(heir.last.plan.resume.empty());
    CHECK(heir.last.orders.empty());
    on_verdict(heir.state, 1, up(), heir.now);
    heir.plan();
    CHECK(heir.last.plan.resume == Lives{8});
    CHECK(heir.last.plan.tables.at(0).slots == Lives{7, 8});
}

TEST_CASE("interrupted work is finished: what is condemned is ordered again [E40]", "[plan][inherit]") {
    const Service config = service(2);
    Heir heir(&config, spec_of(config),
              {left(7, "10.0.1.1:5432", State::condemned), left(8, "10.0.1.2:5432", State::serving)});
    CHECK(heir.last.plan.condemn.empty());
    CHECK(heir.last.plan.tables.at(0).slots == Lives{8});
    heir.passes(1);
    REQUIRE(heir.last.orders.size() == 1);
    CHECK(heir.last.orders[0].order.life == 7);
}

TEST_CASE("health that is only presumed is no alternative: what was spared stays spared [E14][E40]",
          "[plan][inherit]") {
    const Service config = service(2);
    Heir heir(&config, spec_of(config),
              {left(7, "10.0.1.1:5432", State::condemned), left(8, "10.0.1.2:5432", State::serving)});
    CHECK(heir.last.orders.empty());
    on_verdict(heir.state, 1, no_answer(), heir.now);
    heir.plan();
    CHECK(heir.last.orders.empty());
    on_verdict(heir.state, 0, up(), heir.now);
    heir.plan();
    REQUIRE_FALSE(heir.last.orders.empty());
    CHECK(heir.last.orders[0].order.life == 7);
}

TEST_CASE("of two lives of one backend the newer is kept, the older condemned", "[plan][inherit]") {
    const Service config = service(1);
    Heir heir(&config, spec_of(config),
              {left(9, "10.0.1.1:5432", State::serving), left(7, "10.0.1.1:5432", State::serving)});
    CHECK(heir.last.plan.condemn == Lives{7});
    CHECK(heir.last.plan.tables.at(0).slots == Lives{9});
    heir.passes(0);
    REQUIRE(heir.last.orders.size() == 1);
    CHECK(heir.last.orders[0].order.life == 7);
}

TEST_CASE("sockets that stayed with their backend are inherited as such [E40][E60]", "[plan][inherit]") {
    const Service config = service(1);
    Heir heir(&config, spec_of(config),
              {left(7, "10.0.1.1:5432", State::draining), left(9, "10.0.1.1:5432", State::serving)});
    CHECK(heir.last.plan.condemn.empty());
    heir.passes(0);
    CHECK(heir.last.orders.empty());
    on_verdict(heir.state, 0, no_answer(), heir.now);
    heir.plan();
    CHECK(contains(heir.last.plan.condemn, LifeId{7}));
}

TEST_CASE("sockets that stayed with their backend are not ended because it drains at a restart [E40][E60]",
          "[plan][inherit]") {
    const Service config = service(1);
    Heir heir(&config, spec_of(config),
              {left(7, "10.0.1.1:5432", State::draining), left(9, "10.0.1.1:5432", State::draining)});
    CHECK(heir.last.plan.condemn.empty());
}

TEST_CASE("a backend that is not configured any more is removed [E15]", "[plan][inherit]") {
    const Service config = service(1);
    Heir heir(&config, spec_of(config),
              {left(7, "10.0.1.1:5432", State::serving), left(8, "10.0.9.9:5432", State::serving)});
    CHECK(heir.last.plan.drain == Lives{8});
    CHECK(heir.last.plan.tables.at(0).slots == Lives{7});
    REQUIRE(heir.state.backends.size() == 2);
    CHECK(heir.state.backends[1].removing);
    CHECK(heir.last.next == t0 + 300s);
}

TEST_CASE("a service that is not configured any more is removed, and its sockets drain [E15]",
          "[plan][inherit]") {
    Heir heir(nullptr, {.id = 5, .name = "old", .protocol = Protocol::tcp},
              {left(7, "10.0.1.1:5432", State::serving)});
    CHECK(heir.last.plan.remove_services == std::vector<ServiceId>{5});
    CHECK(heir.last.plan.drain == Lives{7});
    CHECK(heir.last.plan.tables.empty());
    CHECK(heir.state.service->health_check.type == CheckType::none);
}

TEST_CASE("other addresses than those that were left behind are a change of the service", "[plan][inherit]") {
    Service config = service(1);
    const ServiceSpec before = spec_of(config);
    config.addresses = {parse_endpoint("10.96.0.77:5432").value()};
    Heir heir(&config, before, {left(7, "10.0.1.1:5432", State::serving)});
    REQUIRE(heir.last.plan.change_services.size() == 1);
    CHECK(heir.last.plan.change_services[0].addresses == config.addresses);
}

TEST_CASE("of a service without any lives nothing is known", "[plan][inherit]") {
    const Service config = service(2);
    Heir heir(&config, spec_of(config), {});
    CHECK(heir.state.backends[0].health == Health::unchecked);
    CHECK(heir.last.plan.begin.size() == 2);
}

TEST_CASE("the operator's word stands after a restart, unless the configuration says something else [E40]",
          "[plan][inherit]") {
    Service config = service(2);
    const OperatorOverride drained{config.backends[0].endpoint, OperatorState::drain, OperatorState::ready, 5,
                                   1};
    const auto lives = {left(7, "10.0.1.1:5432", State::draining), left(8, "10.0.1.2:5432", State::serving)};
    {
        Heir heir(&config, spec_of(config), lives, {drained});
        CHECK(heir.state.backends[0].operator_state == OperatorState::drain);
        CHECK(heir.state.backends[0].weight == 5);
        CHECK(heir.last.plan.overrides.empty());  // it is kept already
        heir.passes(0);
        CHECK(heir.last.plan.resume.empty());
        CHECK(heir.state.backends[0].life->state == Life::State::draining);
    }
    config.backends[0].weight = 3;
    {
        Heir heir(&config, spec_of(config), lives, {drained});
        CHECK(heir.state.backends[0].operator_state == OperatorState::drain);
        CHECK(heir.state.backends[0].weight == 3);
        REQUIRE(heir.last.plan.overrides.size() == 1);
        CHECK(heir.last.plan.overrides[0].overrides.at(0).configured_weight == 3);
    }
    config.backends[0].weight = 1;
    config.backends[0].state = OperatorState::maint;
    {
        Heir heir(&config, spec_of(config), lives, {drained});
        CHECK(heir.state.backends[0].operator_state == OperatorState::maint);
        CHECK(heir.state.backends[0].weight == 5);
    }
    Heir heir(nullptr, spec_of(config), lives, {drained});
    REQUIRE(heir.last.plan.overrides.size() == 1);  // the service went, and with it what was said
    CHECK(heir.last.plan.overrides[0].overrides.empty());
}
