// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

using Endpoints = std::vector<Endpoint>;

AccessPolicy deny(std::string name, std::string_view address,
                  ExistingSockets existing = ExistingSockets::terminate) {
    return {.name = std::move(name),
            .to = {{.cidr = {parse_address(address).value(), 128}}},
            .existing = existing};
}

Service clearing(Service service) {
    service.connections.untracked = Untracked::terminate;
    return service;
}

}  // namespace

TEST_CASE("policies are there before the tables are", "[control][policy]") {
    Bench bench({service(2)}, {deny("no-a", "10.0.1.1")});
    bench.plane.failures_left = 1;
    const auto started = bench.controller->start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().message == "lb_policies is full");
    CHECK(bench.plane.plans.empty());
}

TEST_CASE("a denied backend is left out, and says why", "[control][policy]") {
    Bench bench({service(2)}, {deny("no-a", "10.0.1.1")});
    bench.all_up(2);
    CHECK(bench.plane.policies.size() == 1);
    CHECK(bench.plane.enforcements == 1);
    CHECK(bench.status().eligible == 1);
    CHECK(bench.status().backends[0].reason == "denied by policy no-a");
    CHECK(bench.status().backends[0].effective_weight == 0);
}

TEST_CASE("a policy that appears ends sockets: those that may follow first, then all that it denies [E21]",
          "[control][policy]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.denials = {{"no-a", 5}};
    bench.plane.reports = {done(2)};
    bench.plane.policy_reports = {{"no-a", done(1)}};
    bench.plane.stuck = {7};
    const auto lines = bench.controller->reload({service(2)}, {deny("no-a", "10.0.1.1")});
    REQUIRE(lines.has_value());
    CHECK(*lines == std::vector<std::string>{"policy no-a added"});
    bench.poll();
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 7);
    CHECK(bench.plane.enforcements == 0);
    bench.plane.release(7);
    bench.poll();
    CHECK(bench.plane.enforcements == 1);
    CHECK(bench.log.has(
        "info: postgres/a: denied by policy no-a: 2 sockets terminated, 0 re-pointed in 0.9 ms"));
    CHECK(bench.log.has("info: policy no-a: 1 socket terminated, 0 re-pointed in 0.9 ms"));
    const auto policies = bench.controller->policies();
    REQUIRE(policies.size() == 1);
    CHECK(policies[0].name == "no-a");
    CHECK(policies[0].denied_total == 5);
    CHECK(policies[0].terminated_total == 3);
}

TEST_CASE("a reload that the tables refuse brings the old policies back", "[control][policy]") {
    Bench bench({service(2)}, {deny("no-a", "10.0.1.1")});
    bench.all_up(2);
    bench.plane.publish_failures_left = 1;
    CHECK_FALSE(bench.controller->reload({service(2)}, {deny("no-b", "10.0.1.2")}).has_value());
    REQUIRE(bench.plane.policies.size() == 1);
    CHECK(bench.plane.policies[0].name == "no-a");
    CHECK(bench.controller->policies().at(0).name == "no-a");
    bench.poll();
    CHECK(bench.plane.enforcements == 1);
}

TEST_CASE("a reload that changes no policy enforces none", "[control][policy]") {
    Bench bench({service(2)}, {deny("no-a", "10.0.1.1")});
    bench.all_up(2);
    REQUIRE(bench.controller->reload({service(3)}, {deny("no-a", "10.0.1.1")}).has_value());
    bench.poll();
    CHECK(bench.plane.enforcements == 1);
    REQUIRE(bench.controller->reload({service(3)}, {deny("no-a", "10.0.1.2")}).has_value());
    bench.poll();
    CHECK(bench.plane.enforcements == 2);
}

TEST_CASE("policies that leave sockets behind are enforced again", "[control][policy]") {
    Bench bench({service(1)}, {deny("x", "10.9.9.9")});
    bench.plane.policy_reports = {{"x", {.matched = 1, .failed = 1, .first_failure = "no permission"}}};
    REQUIRE(bench.controller->start().has_value());
    bench.poll();
    CHECK(bench.plane.enforcements == 1);
    CHECK(run_until(bench.context, [&] { return bench.plane.enforcements == 2; }));
}

TEST_CASE(
    "untracked: terminate clears the service's addresses at the start, and those that a reload adds [E27]",
    "[control][untracked]") {
    Service config = clearing(service(2));
    Bench bench({config});
    bench.all_up(2);
    REQUIRE(bench.plane.untracked_orders.size() == 1);
    CHECK(bench.plane.untracked_orders[0].destinations == config.addresses);
    CHECK(bench.plane.untracked_orders[0].protocol == Protocol::tcp);
    const Endpoint added = parse_endpoint("10.96.0.11:5432").value();
    config.addresses.push_back(added);
    REQUIRE(bench.controller->reload({config}, {}).has_value());
    bench.poll();
    REQUIRE(bench.plane.untracked_orders.size() == 2);
    CHECK(bench.plane.untracked_orders[1].destinations == Endpoints{added});
}

TEST_CASE("untracked: terminate clears a condemned backend too, unless another service would keep it [E27]",
          "[control][untracked]") {
    const bool shared = GENERATE(false, true);
    Service other = service(2);
    other.name = "mysql";
    other.addresses = {parse_endpoint("10.96.0.12:5432").value()};
    if (!shared) other.backends = {backend("x", "10.0.7.7:5432")};
    Bench bench({clearing(service(2)), other});
    bench.all_up(2);
    bench.plane.untracked_orders.clear();
    bench.hear(0, no_answer());
    if (shared) {
        CHECK(bench.plane.untracked_orders.empty());
    } else {
        REQUIRE(bench.plane.untracked_orders.size() == 1);
        CHECK(bench.plane.untracked_orders[0].destinations ==
              Endpoints{parse_endpoint("10.0.1.1:5432").value()});
    }
}

TEST_CASE("untracked: keep leaves them alone", "[control][untracked]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.hear(0, no_answer());
    CHECK(bench.plane.untracked_orders.empty());
}

TEST_CASE("untracked sockets that could not be ended are shown", "[control][untracked]") {
    Bench bench({clearing(service(1))});
    bench.plane.untracked_report = {
        .matched = 3, .terminated = 1, .failed = 2, .first_failure = "no permission"};
    REQUIRE(bench.controller->start().has_value());
    bench.poll();
    CHECK(bench.status().untracked == 2);
    CHECK(bench.log.has(
        "info: sockets older than reseat: 1 socket terminated, 0 re-pointed in 0.0 ms, 2 failed: "
        "no permission"));
}
