// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/differences.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

using Lines = std::vector<std::string>;

Service without(Service service, std::size_t backend) {
    service.backends.erase(service.backends.begin() + static_cast<std::ptrdiff_t>(backend));
    return service;
}

}  // namespace

TEST_CASE("a backend that left drains: no new connections, its sockets live on until drain_timeout [E12]",
          "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId gone = step.life(0);
    const LifeId stays = step.life(1);
    step.reload(without(step.service, 0));
    CHECK(step.table() == Lives{stays});
    CHECK(step.last.plan.drain == Lives{gone});
    CHECK(step.last.plan.begin.empty());
    CHECK(step.last.orders.empty());
    REQUIRE(step.state.backends.size() == 2);
    CHECK(step.state.backends[1].removing);
    step.later(300s);
    CHECK(step.last.plan.condemn == Lives{gone});
    CHECK(step.order(gone)->terminate_tcp);
    CHECK(step.life(0) == stays);
}

TEST_CASE("on_remove: terminate ends the sockets at once, keep leaves them until they are closed",
          "[plan][reload]") {
    const SocketFate fate = GENERATE(SocketFate::terminate, SocketFate::keep);
    Stepper step(with({.on_remove = fate}));
    step.all_up();
    const LifeId gone = step.life(0);
    step.reload(without(step.service, 0));
    const bool ends = fate == SocketFate::terminate;
    CHECK((step.order(gone) != nullptr) == ends);
    if (ends) CHECK(step.last.orders[0].cause == EndCause::removed);
    if (!ends) CHECK(step.later(24h).plan.empty());
}

TEST_CASE("connected UDP sockets of a backend that left are moved at once", "[plan][reload]") {
    Stepper step(service(2, Protocol::udp));
    step.all_up();
    const LifeId gone = step.life(0);
    step.reload(without(step.service, 0));
    REQUIRE(step.order(gone));
    CHECK_FALSE(step.order(gone)->terminate_tcp);
    CHECK(step.order(gone)->udp == UdpFate::repoint);
}

TEST_CASE("the host of a backend that left vanishes: its sockets are ended at once [E62]", "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId gone = step.life(0);
    step.reload(without(step.service, 0));
    step.later(10s);
    step.hear(1, no_answer());
    CHECK(step.last.plan.condemn == Lives{gone});
    CHECK(step.order(gone));
}

TEST_CASE("a backend that comes back goes on where it was: same life, same health, no check needed",
          "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    step.reload(without(step.service, 0));
    step.later(100s);
    step.reload(step.service);
    CHECK(step.last.plan.resume == Lives{life});
    CHECK(step.last.plan.begin.empty());
    CHECK(step.table() == Lives{life, step.life(1)});
    CHECK_FALSE(step.last.next);
}

TEST_CASE("drains survive a reload, and their clocks go on", "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId draining = step.life(0);
    step.hear(0, refused());
    step.later(100s);
    Service changed = step.service;
    changed.backends[1].weight = 3;
    changed.health_check.interval = 1s;
    step.reload(changed);
    CHECK(step.last.next == t0 + 300s);
    step.later(200s);
    CHECK(step.last.plan.condemn == Lives{draining});
}

TEST_CASE("a backend that drains and then leaves has no second drain_timeout", "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    step.hear(0, refused());
    step.later(100s);
    step.reload(without(step.service, 0));
    CHECK(step.last.next == t0 + 300s);
}

TEST_CASE("another name, weight or priority keeps the life and the health", "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId life = step.life(0);
    Service changed = step.service;
    changed.backends[0].name = "renamed";
    changed.backends[0].weight = 2;
    step.reload(changed);
    CHECK(step.last.plan.begin.empty());
    CHECK(step.life(0) == life);
    CHECK(step.table() == Lives{life, step.life(1), life});
    CHECK(step.state.backends[0].health == Health::up);
}

TEST_CASE(
    "the operator's word survives a reload that does not touch it, and follows the file when that changes",
    "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    step.hear_operator(0, OperatorState::drain);
    Service changed = step.service;
    changed.backends[1].weight = 2;
    step.reload(changed);
    CHECK(step.state.backends[0].operator_state == OperatorState::drain);
    changed.backends[1].state = OperatorState::maint;
    step.reload(changed);
    CHECK(step.state.backends[1].operator_state == OperatorState::maint);
    changed.backends[1].state = OperatorState::ready;
    step.reload(changed);
    CHECK(step.state.backends[1].operator_state == OperatorState::ready);
    CHECK(step.state.backends[0].operator_state == OperatorState::drain);
}

TEST_CASE("a reload that changes the address of a service changes only that", "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    Service changed = step.service;
    changed.addresses.push_back(parse_endpoint("10.96.0.11:5432").value());
    step.reload(changed);
    REQUIRE(step.last.plan.change_services.size() == 1);
    CHECK(step.last.plan.change_services[0].addresses.size() == 2);
    CHECK(step.last.plan.tables.empty());
    CHECK(step.last.plan.begin.empty());
    CHECK(step.reload(changed).plan.empty());
}

TEST_CASE("the address of a backend that left is taken by a new one: two lives, told apart [E33]",
          "[plan][reload]") {
    Stepper step(with({.on_remove = SocketFate::terminate}));
    step.all_up();
    const LifeId old = step.life(0);
    step.reload(without(step.service, 0));
    step.reload(step.service);
    CHECK(step.life(0) != old);
    CHECK(step.life(0) != 0);
    CHECK(contains(step.table(), step.life(0)));
    CHECK_FALSE(contains(step.table(), old));
}

TEST_CASE("a service that left: its addresses are freed at once, its backends are being removed [E15]",
          "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    const Lives lives = {step.life(0), step.life(1)};
    step.state = remove(step.state).state;
    step.plan();
    CHECK(step.last.plan.remove_services == std::vector<ServiceId>{1});
    CHECK(step.last.plan.drain == lives);
    CHECK(step.last.plan.tables.empty());
    step.later(300s);
    CHECK(step.last.plan.condemn == lives);
    CHECK(step.last.orders.size() == 2);  // no alternative can come
}

TEST_CASE("of a service that left, UDP sockets stay while they can: there is nowhere to re-point them [E15]",
          "[plan][reload]") {
    Stepper step(service(2, Protocol::udp));
    step.all_up();
    const LifeId life = step.life(0);
    step.state = remove(step.state).state;
    CHECK(step.plan().orders.empty());
    step.later(300s);
    REQUIRE(step.order(life));
    CHECK(step.order(life)->udp == UdpFate::terminate);
}

TEST_CASE("a service that comes back gets its state back", "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    const Lives lives = {step.life(0), step.life(1)};
    step.state = remove(step.state).state;
    step.plan();
    step.reload(step.service);
    REQUIRE(step.last.plan.add_services.size() == 1);
    CHECK(step.last.plan.add_services[0].id == 1);
    CHECK(step.last.plan.resume == lives);
    CHECK(step.last.plan.begin.empty());
    REQUIRE(step.last.plan.tables.size() == 1);
    CHECK(step.last.plan.tables[0].slots == lives);
}

TEST_CASE("a removed backend whose last socket is closed is forgotten", "[plan][reload][E09]") {
    Stepper step(service(2));
    step.all_up();
    const LifeId gone = step.life(0);
    step.reload(without(step.service, 0));
    CHECK_FALSE(forget_gone(step.state));
    step.state.backends[1].life->vacated = true;
    step.plan();
    CHECK(step.last.plan.condemn == Lives{gone});
    CHECK(step.last.plan.retire == Lives{gone});
    CHECK(step.last.orders.empty());
    const auto rest = forget_gone(step.state);
    REQUIRE(rest);
    CHECK(rest->state.backends.size() == 1);
    CHECK(rest->state.service->backends.size() == 1);
}

TEST_CASE("without a check everything is up; with one that is new, unchecked", "[plan][reload]") {
    Stepper step(service(2));
    step.hear(0, up());
    step.hear(1, refused());
    Service changed = step.service;
    changed.health_check.type = CheckType::none;
    step.reload(changed);
    CHECK(step.state.backends[1].health == Health::up);
    step.reload(step.service);
    CHECK(step.state.backends[0].health == Health::unchecked);
    CHECK(step.table().size() == 2);
}

TEST_CASE("a reload is told in lines for people", "[plan][reload]") {
    Stepper step(service(2));
    step.all_up();
    Service changed = without(step.service, 0);
    changed.backends[0].weight = 5;
    changed.backends[0].state = OperatorState::drain;
    changed.backends.push_back(backend("pg-3", "10.0.1.33:5432"));
    changed.connections.grace = 1s;
    CHECK(differences(step.state, changed) ==
          Lines{"postgres: connections changed", "postgres: backend b: weight 1 -> 5, state ready -> drain",
                "postgres: backend pg-3 added", "postgres: backend a removed, draining its sockets"});
    CHECK(differences(step.state, step.service).empty());
    CHECK(removed(step.state) == "postgres: removed, draining 2 backends");
    CHECK(added(step.service) == "postgres: added, 2 backends");
    step.reload(without(step.service, 0));
    CHECK(differences(step.state, step.service) == Lines{"postgres: backend a is back"});
    const AccessPolicy policy{.name = "x"};
    AccessPolicy other = policy;
    other.action = PolicyAction::allow;
    CHECK(differences(std::vector<AccessPolicy>{}, {policy}) == Lines{"policy x added"});
    CHECK(differences({policy}, {other}) == Lines{"policy x changed"});
    CHECK(differences({policy}, std::vector<AccessPolicy>{}) == Lines{"policy x removed"});
}
