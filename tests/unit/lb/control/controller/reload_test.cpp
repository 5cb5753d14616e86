// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

using Lines = std::vector<std::string>;

Service named(std::string name, Service service) {
    service.name = std::move(name);
    return service;
}

Service without(Service service, std::size_t backend) {
    service.backends.erase(service.backends.begin() + static_cast<std::ptrdiff_t>(backend));
    return service;
}

Lines reload(Bench& bench, std::vector<Service> services, std::vector<AccessPolicy> policies = {}) {
    const auto done = bench.controller->reload(std::move(services), std::move(policies));
    REQUIRE(done.has_value());
    return *done;
}

/// As they are configured.
const Service postgres = service(2);
const Service mysql = named("mysql", service(2));

}  // namespace

TEST_CASE("a reload without changes does nothing", "[control][reload]") {
    Bench bench({postgres, mysql});
    bench.all_up(2);
    const auto plans = bench.plane.plans.size();
    CHECK(reload(bench, {postgres, mysql}).empty());
    CHECK(reload(bench, {mysql, postgres}).empty());
    bench.poll();
    CHECK(bench.plane.plans.size() == plans);
    CHECK(bench.status(0).service->name == "mysql");
}

TEST_CASE("other backends from DNS are a reload of which nothing is said", "[control][reload][discovery]") {
    Bench bench({postgres, mysql});
    bench.all_up(2);
    Service changed = without(postgres, 1);
    changed.backends.push_back(backend("pg-3", "10.0.1.33:5432"));
    REQUIRE(bench.controller->change_backends({changed, mysql}).has_value());
    CHECK(bench.status(0).backends.size() == 3);
    CHECK(bench.status(0).backends.back().state == BackendState::removing);
    CHECK_FALSE(bench.log.has("reload"));
}

TEST_CASE("the backends that pass their checks are those that DNS need not name any more",
          "[control][discovery]") {
    Bench bench({postgres, mysql});
    const auto passing = [&] { return bench.controller->passing("postgres", Protocol::tcp).size(); };
    CHECK(passing() == 0);  // not checked yet
    bench.all_up(2);
    CHECK(passing() == postgres.backends.size());
    bench.hear(0, refused());
    CHECK(passing() == postgres.backends.size() - 1);
    CHECK(bench.controller->passing("postgres", Protocol::udp).empty());
    CHECK(bench.controller->passing("nobody", Protocol::tcp).empty());
}

TEST_CASE("a service whose backends are not known yet refuses, and serves when they are",
          "[control][reload][discovery]") {
    Service unknown = postgres;
    unknown.backends.clear();
    Bench bench({unknown});
    bench.all_up(0);
    REQUIRE(bench.plane.plans.size() == 1);
    for (const Table& table : bench.plane.plans[0].tables) CHECK(table.slots.empty());
    CHECK(bench.controller->first_round_over());
    REQUIRE(bench.controller->change_backends({postgres}).has_value());
    bench.hear(0, up());
    CHECK(bench.status(0).eligible == 1);
}

TEST_CASE("a reload that changes one backend touches that service only [E37]", "[control][reload]") {
    Bench bench({postgres, mysql});
    bench.all_up(2);
    const auto plans = bench.plane.plans.size();
    Service changed = postgres;
    changed.backends.push_back(backend("pg-3", "10.0.1.33:5432"));
    CHECK(reload(bench, {changed, mysql}) == Lines{"postgres: backend pg-3 added"});
    CHECK(bench.plane.plans.size() == plans);  // it is not checked yet, and others are up
    bench.hear(2, up());
    CHECK(bench.plane.plans.back().begin.size() == 1);
    CHECK(bench.plane.plans.back().tables.at(0).service == 1);
}

TEST_CASE("targets follow the configuration, are told of from the loop, and keep their ids and health",
          "[control][reload]") {
    Bench bench({postgres});
    bench.all_up(2);
    bench.poll();
    int told = 0;
    bench.controller->on_targets_changed([&] { ++told; });
    const BackendId b = bench.id(1);
    CHECK(bench.controller->targets().at(1).health.health == Health::up);
    bench.plane.open[7] = 1;
    Service changed = without(postgres, 0);
    changed.backends.push_back(backend("pg-3", "10.0.1.33:5432"));
    reload(bench, {changed});
    CHECK(told == 0);
    bench.poll();
    CHECK(told == 1);
    const auto targets = bench.controller->targets();
    REQUIRE(targets.size() == 3);  // the removed one still has a socket
    CHECK(targets[0].id == b);
    CHECK(targets[0].health.health == Health::up);
    CHECK(targets[1].backend == "pg-3");
    CHECK(targets[1].health.health == Health::unchecked);
    CHECK(bench.status().backends[2].state == BackendState::removing);
    const BackendId gone = targets[2].id;
    bench.plane.open[7] = 0;
    REQUIRE(run_until(bench.context, [&] { return told == 2; }));
    CHECK(bench.controller->targets().size() == 2);
    bench.controller->on_check(gone, {}, no_answer());  // unknown by now
    bench.poll();
    CHECK(bench.plane.plans.back().retire == Lives{7});
}

TEST_CASE("a reload that the data plane refuses leaves the old configuration running, whole [E43]",
          "[control][reload]") {
    Bench bench({postgres, mysql});
    bench.all_up(2);
    Service changed = without(postgres, 0);
    changed.addresses = {parse_endpoint("10.96.0.99:5432").value()};
    changed.backends.push_back(backend("pg-3", "10.0.1.33:5432"));
    const Service fresh = named("fresh", service(1));
    bench.plane.failures_left = 1;
    const auto done = bench.controller->reload({changed, fresh}, {});
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().message == "lb_tables is full");
    CHECK(bench.status(0).service->backends.size() == 2);
    CHECK(bench.status(0).service->addresses == postgres.addresses);
    CHECK(bench.controller->status().size() == 2);
    CHECK(bench.controller->targets().size() == 4);
    bench.poll();  // what may have been carried out is taken back
    const auto& plans = bench.plane.plans;
    const Plan& undone = plans.at(plans.size() - 2);
    CHECK(undone.condemn == Lives{11});
    CHECK(undone.retire == Lives{11});
    CHECK(undone.remove_services == std::vector<ServiceId>{3});
    CHECK(undone.resume == Lives{7, 9, 10});
    const Plan& restored = plans.back();
    REQUIRE(restored.change_services.size() == 2);
    CHECK(restored.change_services[0].addresses == postgres.addresses);
    CHECK(restored.tables.size() == 2);
    CHECK(restored.tables[0].slots == Lives{7, 8});
    CHECK(reload(bench, {changed, fresh}).size() == 5);
}

TEST_CASE("a service that is removed and added again gets its state back [E15]", "[control][reload]") {
    Bench bench({postgres, mysql});
    bench.all_up(2);
    bench.plane.open[7] = 3;
    CHECK(reload(bench, {mysql}) == Lines{"postgres: removed, draining 2 backends"});
    CHECK(bench.plane.plans.back().remove_services == std::vector<ServiceId>{1});
    CHECK(bench.status(1).backends[0].state == BackendState::removing);
    CHECK(bench.status(1).open_sockets == 3);
    CHECK(reload(bench, {postgres, mysql}) == Lines{"postgres: is back"});
    CHECK(bench.plane.plans.back().add_services.at(0).id == 1);
    CHECK(bench.plane.plans.back().resume == Lives{7, 8});
    CHECK(bench.status(0).backends[0].state == BackendState::up);
}

TEST_CASE("a removed service is forgotten when its last socket is closed; its name starts anew then",
          "[control][reload]") {
    Bench bench({postgres, mysql});
    bench.all_up(2);
    reload(bench, {mysql});
    REQUIRE(run_until(bench.context, [&] { return bench.controller->status().size() == 1; }));
    CHECK(bench.plane.plans.back().retire == Lives{7, 8});
    CHECK(reload(bench, {mysql, postgres}) == Lines{"postgres: added, 2 backends"});
    CHECK(bench.plane.plans.back().add_services.at(0).id == 3);
    CHECK(bench.status(1).backends[0].state == BackendState::unchecked);
}

TEST_CASE("a backend that leaves or comes back is in its state since then, one that stays is not",
          "[control][reload]") {
    Bench bench({postgres});
    bench.all_up(2);
    bench.plane.open[8] = 1;
    const auto up_since = bench.status().backends[0].since;
    auto before = std::chrono::system_clock::now();
    reload(bench, {without(postgres, 1)});
    CHECK(bench.status().backends[1].state == BackendState::removing);
    CHECK(bench.status().backends[1].since >= before);
    CHECK(bench.status().backends[0].since == up_since);
    before = std::chrono::system_clock::now();
    reload(bench, {postgres});
    CHECK(bench.status().backends[1].state == BackendState::up);
    CHECK(bench.status().backends[1].since >= before);
}

TEST_CASE("sockets that a removal ends are told with the reason", "[control][reload]") {
    Service config = postgres;
    config.connections.on_remove = SocketFate::terminate;
    Bench bench({config});
    bench.all_up(2);
    bench.plane.reports = {done(3)};
    reload(bench, {without(config, 0)});
    bench.poll();
    CHECK(bench.log.has(
        "info: postgres/a: removed from the configuration: 3 sockets terminated, 0 re-pointed in "
        "0.9 ms"));
    REQUIRE(bench.status().last_failover);
    CHECK(bench.status().last_failover->reason == "removed from the configuration");
}

TEST_CASE("ready stays ready: a backend that a reload adds is not part of the first round",
          "[control][reload]") {
    Bench bench({postgres});
    bench.all_up(2);
    CHECK(bench.controller->first_round_over());
    reload(bench, {postgres, mysql});
    CHECK(bench.controller->first_round_over());
}

TEST_CASE("an inherited backend that is being removed is not part of the first round [E40]",
          "[control][inherit]") {
    Bench bench({service(1)});
    const auto at = [](std::string_view endpoint) { return parse_endpoint(endpoint).value(); };
    bench.plane.inherited = {
        .services = {{4, "postgres", Protocol::tcp, postgres.addresses, LbPolicy::round_robin}},
        .lives = {{{2, 4, at("10.0.1.1:5432")}, Inheritance::State::serving},
                  {{3, 4, at("10.0.9.9:5432")}, Inheritance::State::draining}},
        .first_unused_service = 9};
    REQUIRE(bench.controller->start().has_value());
    bench.poll();
    REQUIRE(bench.status().backends.size() == 2);
    bench.hear(0, up());
    CHECK(bench.controller->first_round_over());
}

TEST_CASE("what is inherited goes on, and what was interrupted is finished [E40]", "[control][inherit]") {
    Bench bench({postgres});
    const auto at = [](std::string_view endpoint) { return parse_endpoint(endpoint).value(); };
    using State = Inheritance::State;
    bench.plane.inherited = {
        .services = {{4, "postgres", Protocol::tcp, postgres.addresses, LbPolicy::round_robin},
                     {5, "old", Protocol::tcp, {at("10.96.0.5:1")}, LbPolicy::round_robin}},
        .lives = {{{2, 4, at("10.0.1.1:5432")}, State::serving},
                  {{3, 4, at("10.0.1.2:5432")}, State::condemned},
                  {{4, 5, at("10.0.5.5:1")}, State::serving}},
        .first_unused_service = 9};
    REQUIRE(bench.controller->start().has_value());
    bench.poll();
    REQUIRE(bench.plane.plans.size() == 1);
    const Plan& plan = bench.plane.plans[0];
    CHECK(plan.add_services.empty());
    CHECK(plan.begin.empty());
    CHECK(plan.tables.at(0).slots == Lives{2});
    CHECK(plan.drain == Lives{4});
    CHECK(plan.remove_services == std::vector<ServiceId>{5});
    const auto targets = bench.controller->targets();
    REQUIRE(targets.size() == 2);
    CHECK(targets[0].health.health == Health::up);
    CHECK(bench.plane.orders.empty());  // nobody has passed a check of ours: there may be no alternative
    CheckStatus passed;
    passed.result.outcome = ProbeOutcome::passed;
    bench.controller->on_check(targets[0].id, passed, std::nullopt);
    bench.poll();
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 3);
    CHECK(targets[1].health.health == Health::unchecked);  // down, and up with the first check that passes
    CHECK(bench.status().backends[1].state == BackendState::down);
    CHECK_FALSE(bench.controller->first_round_over());
    bench.hear(1, up());
    CHECK(bench.plane.plans.back().begin.at(0).life == 7);
    CHECK(reload(bench, {postgres, mysql}).size() == 1);
    CHECK(bench.plane.plans.back().add_services.at(0).id == 9);
}

TEST_CASE("10,000 services with 100,000 backends: a reload that changes one publishes one [E37]",
          "[control][reload]") {
    std::vector<Service> services;
    for (int i = 0; i < 10'000; ++i) {
        Service made = named("s" + std::to_string(i), service(10));
        made.health_check.type = CheckType::none;
        services.push_back(std::move(made));
    }
    Bench bench(services);
    REQUIRE(bench.controller->start().has_value());
    services[5'000].backends.pop_back();
    CHECK(reload(bench, services) == Lines{"s5000: backend j removed, draining its sockets"});
    const Plan& plan = bench.plane.plans.back();
    CHECK(plan.tables.size() == 1);
    CHECK(plan.drain.size() == 1);
    CHECK(plan.begin.empty());
}
