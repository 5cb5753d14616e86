// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

#include <fmt/format.h>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

TEST_CASE("TCP and UDP of one address are two services, each by itself [E11]", "[control]") {
    Bench bench({service(2), service(2, Protocol::udp)});
    REQUIRE(bench.controller->start().has_value());
    for (std::size_t s : {0, 1})
        for (std::size_t b : {0, 1}) bench.hear(b, up(), s);
    bench.hear(0, no_answer(), 1);
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 9);
    CHECK(bench.plane.plans.back().tables.at(0).service == 2);
    CHECK(bench.status(0).eligible == 2);
    CHECK(bench.status(1).eligible == 1);
}

TEST_CASE("the first round is over when each backend with a check was checked once", "[control]") {
    Service unchecked = service(1);
    unchecked.name = "mysql";
    unchecked.health_check.type = CheckType::none;
    Bench bench({service(2), unchecked});
    REQUIRE(bench.controller->start().has_value());
    CHECK_FALSE(bench.controller->first_round_over());
    bench.tell(0, up());
    CHECK_FALSE(bench.controller->first_round_over());
    bench.tell(1, std::nullopt);
    CHECK(bench.controller->first_round_over());
}

TEST_CASE("of very many backends at the start only those that are down are told one by one", "[control]") {
    const std::size_t count = GENERATE(100, 101);
    Service config = service(0);
    for (std::size_t i = 0; i < count; ++i)
        config.backends.push_back(
            backend("b" + std::to_string(i), "10.0.1." + std::to_string(i + 1) + ":5432"));
    Bench bench({config});
    bench.all_up(count - 2);
    bench.hear(count - 2, no_answer());
    bench.tell(count - 1, std::nullopt);
    REQUIRE(bench.controller->first_round_over());
    const bool together = count > 100;
    CHECK(bench.controller->untold_first_ups() == (together ? count - 2 : 0));
    CHECK((bench.log.text().find("postgres/b0 is UP") == std::string::npos) == together);
    CHECK_THAT(bench.log.text(), Catch::Contains(fmt::format("postgres/b{} is DOWN", count - 2)));
    bench.hear(count - 1, up());
    bench.hear(count - 2, up());
    bench.hear(0, no_answer());
    bench.hear(0, up());
    for (const auto one : {std::size_t(0), count - 1, count - 2})
        CHECK_THAT(bench.log.text(), Catch::Contains(fmt::format("postgres/b{} is UP", one)));
}

TEST_CASE("status: the operator wins over health; reason, since, weights and counts are told", "[control]") {
    Service config = service(4);
    config.backends[2].state = OperatorState::drain;
    config.backends[3].state = OperatorState::maint;
    Bench bench({config});
    const auto before = std::chrono::system_clock::now();
    bench.all_up(4);
    bench.plane.open[7] = 2;
    bench.plane.connects[7] = 9;
    bench.hear(1, refused());
    const ServiceStatus status = bench.status();
    CHECK(status.service->name == "postgres");
    CHECK(status.eligible == 1);
    CHECK(status.open_sockets == 2);
    CHECK_FALSE(status.panic);
    CHECK(status.backends[0].state == BackendState::up);
    CHECK(status.backends[0].connects_total == 9);
    CHECK(status.backends[0].effective_weight == 1);
    CHECK(status.backends[1].state == BackendState::down);
    CHECK(status.backends[1].reason == "refused (3/3)");
    CHECK(status.backends[1].effective_weight == 0);
    CHECK(status.backends[1].since >= before);
    CHECK(status.backends[1].check.result.outcome == ProbeOutcome::refused);
    CHECK(status.backends[2].state == BackendState::drain);
    CHECK(status.backends[3].state == BackendState::maint);
    CHECK(word_of(BackendState::unchecked) == "unchecked");
}

TEST_CASE("the words of a report", "[control]") {
    Bench bench({service(2, Protocol::udp)});
    bench.all_up(2);
    bench.plane.reports = {
        {.matched = 2, .terminated = 1, .repointed = 1, .first_failure = "no route", .duration = 1500us}};
    bench.hear(0, no_answer());
    CHECK(
        bench.log.has("warning: postgres/a is DOWN: no answer within 1s (3/3), 1 of 2 backends left; "
                      "1 socket terminated, 1 re-pointed in 1.5 ms (re-point impossible: no route)"));
}

TEST_CASE("a condemned life is retired when its last socket is gone; its connects stay counted [E09]",
          "[control]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open[7] = 1;
    bench.plane.connects[7] = 120;
    bench.hear(0, no_answer());
    const auto retired = [&] { return !bench.plane.plans.back().retire.empty(); };
    CHECK_FALSE(run_until(bench.context, retired, 1200ms));
    CHECK(bench.status().backends[0].open_sockets == 1);
    bench.plane.open[7] = 0;
    REQUIRE(run_until(bench.context, retired));
    CHECK(bench.plane.plans.back().retire == std::vector<LifeId>{7});
    bench.plane.connects.erase(7);
    CHECK(bench.status().backends[0].connects_total == 120);
}

TEST_CASE("a connect that chose a life just before it was condemned keeps it from being retired [E29]",
          "[control]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.hear(0, no_answer());
    const auto retired = [&] { return !bench.plane.plans.back().retire.empty(); };
    CHECK_FALSE(run_until(bench.context, retired, 1300ms));  // one look: nothing is counted yet
    bench.plane.open[7] = 1;
    CHECK_FALSE(run_until(bench.context, retired, 1200ms));
}

TEST_CASE("a condemned life on which an uncounted socket hangs is kept, and its order is tried again [E63]",
          "[control]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.uncounted = {7};
    bench.plane.reports = {{.matched = 1, .failed = 1, .first_failure = "no permission"}, done(1)};
    bench.hear(0, no_answer());
    REQUIRE(run_until(bench.context, [&] { return bench.plane.orders.size() == 2; }));
    const auto retired = [&] { return !bench.plane.plans.back().retire.empty(); };
    CHECK_FALSE(run_until(bench.context, retired, 1200ms));
    bench.plane.uncounted.clear();
    REQUIRE(run_until(bench.context, retired));
    CHECK(bench.plane.plans.back().retire == std::vector<LifeId>{7});
}

TEST_CASE("sockets that cannot be terminated are shown as stuck and told with the reason", "[control][E43]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open[7] = 1;
    bench.plane.reports = {{.matched = 3, .terminated = 2, .failed = 1, .first_failure = "no permission"},
                           done(1)};
    bench.hear(0, no_answer());
    CHECK(bench.status().stuck == 1);
    CHECK(
        bench.log.has("warning: postgres/a is DOWN: no answer within 1s (3/3), 1 of 2 backends left; "
                      "2 sockets terminated, 0 re-pointed in 0.0 ms, 1 failed: no permission"));
    CHECK(run_until(bench.context, [&] { return bench.status().stuck == 0; }));
    REQUIRE(bench.status().last_failover);
    CHECK(bench.status().last_failover->report.matched == 3);
    CHECK(bench.status().last_failover->report.terminated == 3);
    CHECK(bench.status().last_failover->report.failed == 0);
}

TEST_CASE("an end that found no socket is no failover", "[control]") {
    Connections connections;
    connections.on_check_failed = SocketFate::terminate;
    Bench bench({with(connections, Protocol::tcp, 4)});
    bench.all_up(4);
    bench.hear(2, bad_answer());
    CHECK_FALSE(bench.status().last_failover);
    bench.plane.reports = {done(12), done(0)};
    bench.hear(0, bad_answer());
    bench.hear(1, bad_answer());
    CHECK(bench.plane.orders.size() == 3);
    CHECK(bench.status().last_failover->backend == "a");
    CHECK(bench.status().last_failover->report.terminated == 12);
}
