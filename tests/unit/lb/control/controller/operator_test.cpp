// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

#include <boost/asio/co_spawn.hpp>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// What `task` came to, if it has ended.
template <class T>
std::shared_ptr<std::optional<Result<T>>> start(Bench& bench, Task<Result<T>> task) {
    auto outcome = std::make_shared<std::optional<Result<T>>>();
    asio::co_spawn(bench.context, std::move(task), [outcome](std::exception_ptr failure, Result<T> result) {
        if (!failure) *outcome = std::move(result);
    });
    bench.poll();
    return outcome;
}

Service named(std::string name) {
    Service made = service(1);
    made.name = std::move(name);
    made.backends[0].endpoint = parse_endpoint("10.0.2.1:80").value();
    return made;
}

}  // namespace

TEST_CASE("the operator drains a backend, and takes it back [E18]", "[control][operator]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open[7] = 5;
    REQUIRE(bench.controller->set_operator_state("postgres", "a", OperatorState::drain).has_value());
    bench.poll();
    CHECK(bench.plane.plans.back().drain == Lives{7});
    CHECK(bench.status().backends[0].state == BackendState::drain);
    CHECK(bench.status().backends[0].reason == "set by the operator");
    CHECK(
        bench.log.has("warning: postgres/a is set to DRAIN: 1 of 2 backends left; draining, 5 sockets open"));
    REQUIRE(bench.controller->set_operator_state("postgres", "a", OperatorState::ready).has_value());
    bench.poll();
    CHECK(bench.plane.plans.back().resume == Lives{7});
    CHECK(bench.log.has("info: postgres/a is set to READY: 2 of 2 backends up"));
}

TEST_CASE("a backend that is set to the state that it has is not told of again", "[control][operator]") {
    Bench bench({service(2)});
    bench.all_up(2);
    const auto drain = [&] {
        REQUIRE(bench.controller->set_operator_state("postgres", "a", OperatorState::drain).has_value());
        bench.poll();
    };
    drain();
    const auto since = bench.status().backends[0].since;
    const std::string told = bench.log.text();
    drain();
    CHECK(bench.log.text() == told);
    CHECK(bench.status().backends[0].since == since);
}

TEST_CASE("while the operator has a backend out of use, the reason and the time are his",
          "[control][operator]") {
    Service config = service(2);
    config.backends[1].state = OperatorState::maint;
    Bench bench({config});
    bench.all_up(2);
    CHECK(bench.status().backends[1].reason == "set in the configuration");
    REQUIRE(bench.controller->set_operator_state("postgres", "a", OperatorState::drain).has_value());
    bench.poll();
    const auto since = bench.status().backends[0].since;
    bench.hear(0, no_answer());
    bench.hear(0, up());
    CHECK(bench.status().backends[0].reason == "set by the operator");
    CHECK(bench.status().backends[0].since == since);
    for (const auto* backend : {"a", "b"})
        REQUIRE(bench.controller->set_operator_state("postgres", backend, OperatorState::ready).has_value());
    bench.poll();
    for (const std::size_t backend : {0U, 1U})
        CHECK(bench.status().backends[backend].reason == "connected (2/2)");
    CHECK(bench.status().backends[0].since > since);
}

TEST_CASE("what the operator said goes to the data path for the next process, and what he took back goes",
          "[control][operator]") {
    Bench bench({service(2)});
    bench.all_up(2);
    const auto kept = [&] {
        bench.poll();
        const auto& overrides = bench.plane.plans.back().overrides;
        return overrides.empty() ? std::nullopt : std::optional(overrides.at(0).overrides);
    };
    const Endpoint a = service(2).backends[0].endpoint;
    REQUIRE(bench.controller->set_operator_state("postgres", "a", OperatorState::maint).has_value());
    using Words = std::vector<OperatorOverride>;
    CHECK(kept() == Words{{a, OperatorState::maint, OperatorState::ready, 1, 1}});
    REQUIRE(bench.controller->set_weight("postgres", "a", 9).has_value());
    CHECK(kept() == Words{{a, OperatorState::maint, OperatorState::ready, 9, 1}});
    bench.hear(1, no_answer());
    CHECK_FALSE(kept());
    REQUIRE(bench.controller->set_operator_state("postgres", "a", OperatorState::ready).has_value());
    REQUIRE(bench.controller->set_weight("postgres", "a", 1).has_value());
    CHECK(kept() == Words{});
}

TEST_CASE("who is not known is told who may be meant", "[control][operator]") {
    Bench bench({service(2), named("redis")});
    bench.all_up(2);
    const auto error = [&](const char* service, const char* backend) {
        const auto done = bench.controller->set_operator_state(service, backend, OperatorState::drain);
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error().code == ErrorCode::usage);
        return done.error().message;
    };
    CHECK(error("postgers", "a") == "no service 'postgers'; did you mean 'postgres'?");
    CHECK(error("nosuch", "a") == "no service 'nosuch'; there are postgres and redis");
    CHECK_THAT(error("redis", "10.0.2.2:80"),
               Catch::StartsWith("no backend '10.0.2.2:80' in service 'redis'; there "));
    const auto listed = start(bench, bench.controller->sockets("postgers", std::nullopt));
    REQUIRE(*listed);
    CHECK((*listed)->error().message == "no service 'postgers'; did you mean 'postgres'?");
}

TEST_CASE("the operator ends the sockets of a service: the report comes when they are gone",
          "[control][operator]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.reports = {done(2), done(3)};
    bench.plane.stuck = {8};
    const auto outcome = start(bench, bench.controller->terminate("postgres", std::nullopt));
    CHECK(bench.plane.plans.back().condemn == Lives{7, 8});
    CHECK(bench.plane.plans.back().tables.at(0).slots == Lives{9, 10});
    CHECK_FALSE(*outcome);
    bench.plane.release(8);
    bench.poll();
    REQUIRE(*outcome);
    CHECK((*outcome)->value().terminated == 5);
    CHECK(bench.log.has(
        "info: postgres/a: terminated by the operator: 2 sockets terminated, 0 re-pointed in 0.9 ms"));
}

TEST_CASE("the operator ends the sockets of one backend, also those that wait for an alternative [E60]",
          "[control][operator]") {
    Bench bench({service(1)});
    bench.all_up(1);
    bench.plane.open[7] = 3;
    bench.hear(0, no_answer());
    CHECK(bench.status().waiting == 3);
    const auto outcome = start(bench, bench.controller->terminate("postgres", "a"));
    REQUIRE(*outcome);
    CHECK(outcome->value().has_value());
    CHECK(bench.status().waiting == 0);
    CHECK(bench.plane.orders.at(0).life == 7);
}

TEST_CASE("whoever waits for a termination hears that the controller goes", "[control][operator]") {
    Bench bench({service(1)});
    bench.all_up(1);
    bench.plane.stuck = {7};
    const auto outcome = start(bench, bench.controller->terminate("postgres", "a"));
    bench.controller.reset();
    bench.plane.release(7);
    bench.poll();
    REQUIRE(*outcome);
    CHECK((*outcome)->error().message == "reseat is stopping");
}

TEST_CASE("open sockets are listed with their service and backend", "[control][operator]") {
    Bench bench({service(2), named("redis")});
    bench.all_up(2);
    bench.plane.all_sockets = {{.life = 7, .pid = 11}, {.life = 8, .pid = 12}, {.life = 9, .pid = 13}};
    const auto of_one = start(bench, bench.controller->sockets("postgres", "b"));
    REQUIRE(*of_one);
    const ListedSockets& one = (*of_one)->value();
    REQUIRE(one.sockets.size() == 1);
    CHECK(one.names.at(one.sockets[0].life).service == "postgres");
    CHECK(one.names.at(one.sockets[0].life).backend == "b");
    CHECK(one.sockets[0].pid == 12);
    const auto of_all = start(bench, bench.controller->sockets(std::nullopt, std::nullopt));
    REQUIRE(*of_all);
    CHECK((*of_all)->value().sockets.size() == 3);
}

TEST_CASE("a life that was ordered away and still has sockets is ordered again [E43]", "[control]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open[7] = 1;  // it raced, and nobody was told
    bench.hear(0, no_answer());
    CHECK(bench.plane.orders.size() == 1);
    REQUIRE(run_until(bench.context, [&] { return bench.plane.orders.size() == 2; }));
    CHECK(bench.plane.orders[1].life == 7);
    CHECK(bench.plane.orders[1].terminate_tcp);
}

TEST_CASE("redirection is told: who carries again, and what became of the sockets [E21]", "[control]") {
    Service config = service(2, Protocol::udp);
    config.name = "dns";
    config.backends[0].name = "local";
    config.backends[1].name = "remote";
    config.backends[1].priority = 1;
    config.connections.on_recover = OnRecover::terminate_lower_priority;
    Bench bench({config});
    bench.all_up(2);
    bench.hear(0, no_answer());
    bench.plane.reports = {{.matched = 3, .repointed = 3, .duration = 900us}};
    bench.hear(0, up());
    CHECK(bench.log.has(
        "info: dns/remote: dns/local is in use again: 0 sockets terminated, 3 re-pointed in 0.9 ms"));
    CHECK(bench.status().last_failover->reason == "dns/local is in use again");
}
