// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

TEST_CASE("start programs all services in one plan", "[control]") {
    Bench bench({service(2), service(1, Protocol::udp)});
    REQUIRE(bench.controller->start().has_value());
    REQUIRE(bench.plane.plans.size() == 1);
    const Plan& plan = bench.plane.plans[0];
    REQUIRE(plan.add_services.size() == 2);
    CHECK(plan.add_services[0].id != plan.add_services[1].id);
    CHECK(plan.begin.size() == 3);
    CHECK(plan.begin[0].life == 7);
    CHECK(plan.tables.size() == 2);
    CHECK(bench.status().backends[0].state == BackendState::unchecked);
    CHECK(bench.status().backends[0].effective_weight == 1);
}

TEST_CASE("a start that the data plane refuses is an error", "[control]") {
    Bench bench({service(1)});
    bench.plane.failures_left = 1;
    const auto started = bench.controller->start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().message == "lb_tables is full");
}

TEST_CASE("events of one turn of the loop are one plan [E45]", "[control]") {
    Bench bench({service(3), service(2, Protocol::udp)});
    REQUIRE(bench.controller->start().has_value());
    for (std::size_t i = 0; i < 3; ++i) bench.tell(i, no_answer());
    bench.tell(0, up(), 1);
    CHECK(bench.plane.plans.size() == 1);
    bench.poll();
    CHECK(bench.plane.plans.size() == 2);
}

TEST_CASE("a vanished backend: published, then ended, then told in one line", "[control][E01]") {
    Bench bench({service(3)});
    bench.all_up(3);
    bench.plane.reports = {done(12)};
    bench.hear(0, no_answer());
    CHECK(bench.plane.plans.back().condemn == std::vector<LifeId>{7});
    CHECK(bench.plane.plans.back().tables.size() == 1);
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 7);
    CHECK(
        bench.log.has("warning: postgres/a is DOWN: no answer within 1s (3/3), 2 of 3 backends left; "
                      "12 sockets terminated, 0 re-pointed in 0.9 ms"));
    const auto failover = bench.status().last_failover;
    REQUIRE(failover);
    CHECK(failover->backend == "a");
    CHECK(failover->reason == "no answer within 1s (3/3)");
    CHECK(failover->report.terminated == 12);
}

TEST_CASE("what a verdict led to is told after it, also where its sockets keep it waiting", "[control]") {
    const bool kept_back = GENERATE(false, true);
    Connections connections;
    connections.only_if_alternative = !kept_back;
    connections.on_check_failed = SocketFate::terminate;
    Bench bench({with(connections)});
    bench.all_up(2);
    if (kept_back) bench.plane.stuck = {8};
    bench.hear(0, bad_answer());
    bench.hear(1, bad_answer());
    const auto where = [&](const std::string& overrides) { return bench.log.text().find(overrides); };
    const std::string verdict = "postgres/b is DOWN", loss = "postgres has no eligible IPv4 backend";
    if (kept_back) CHECK(where(loss) == std::string::npos);
    CHECK(run_until(bench.context, [&] { return where(loss) != std::string::npos; }));
    CHECK(where(verdict) < where(loss));
}

TEST_CASE("what a verdict led to is told before the recovery, where its sockets keep it waiting",
          "[control]") {
    Connections connections;
    connections.only_if_alternative = false;
    connections.on_check_failed = SocketFate::terminate;
    Bench bench({with(connections)});
    bench.all_up(2);
    bench.plane.stuck = {7, 8};
    bench.hear(0, bad_answer());
    bench.hear(1, bad_answer());
    bench.hear(1, up());
    const auto where = [&](const std::string& overrides) { return bench.log.text().rfind(overrides); };
    CHECK(where("no eligible IPv4 backend") < where("postgres/b is UP"));
}

TEST_CASE("lines tell which half of a service for both protocols is meant", "[control]") {
    Service tcp = service(2), udp = service(2, Protocol::udp);
    tcp.is_half = udp.is_half = true;
    Bench bench({tcp, udp});
    REQUIRE(bench.controller->start().has_value());
    bench.hear(0, up(), 1);
    bench.hear(1, no_answer(), 0);
    CHECK(bench.log.has("info: postgres/a (udp) is UP: connected (2/2), 1 of 2 backends up"));
    CHECK_THAT(bench.log.text(),
               Catch::Contains("warning: postgres/b (tcp) is DOWN: no answer within 1s (3/3)"));
    bench.hear(0, no_answer(), 0);
    CHECK_THAT(bench.log.text(), Catch::Contains("postgres (tcp) has no eligible IPv4 backend"));
    const auto changes = bench.controller->reload({tcp, with({}, Protocol::udp, 1)}, {});
    REQUIRE(changes.has_value());
    CHECK(changes->at(0) == "postgres: backend b removed, draining its sockets");
    Service one = with({}, Protocol::udp, 2);
    one.is_half = true;
    CHECK(bench.controller->reload({tcp, one}, {})->at(0) == "postgres (udp): backend b is back");
}

TEST_CASE("the first verdict of each backend is told once", "[control]") {
    Bench bench({service(2)});
    REQUIRE(bench.controller->start().has_value());
    bench.tell(0, up());
    bench.tell(0, std::nullopt);
    bench.poll();
    CHECK(bench.log.text() == "info: postgres/a is UP: connected (2/2), 1 of 2 backends up\n");
    bench.hear(1, refused());
    CHECK(
        bench.log.has("warning: postgres/b is DOWN: refused (3/3), 1 of 2 backends left; "
                      "no socket is open"));
}

TEST_CASE("a drain is told with the sockets that are open", "[control][E18]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open[7] = 5;
    bench.hear(0, refused());
    CHECK(bench.plane.orders.empty());
    CHECK(
        bench.log.has("warning: postgres/a is DOWN: refused (3/3), 1 of 2 backends left; draining, "
                      "5 sockets open"));
}

TEST_CASE("a drain times out: condemned and ended by the clock [E18]", "[control]") {
    Service config = service(2);
    config.connections.drain_timeout = 20ms;
    Bench bench({config});
    bench.all_up(2);
    bench.plane.reports = {done(2)};
    bench.hear(0, refused());
    CHECK(run_until(bench.context, [&] { return !bench.plane.orders.empty(); }));
    bench.poll();
    CHECK(bench.plane.plans.back().condemn == std::vector<LifeId>{7});
    CHECK(bench.log.has("info: postgres/a: drain timed out: 2 sockets terminated, 0 re-pointed in 0.9 ms"));
}

TEST_CASE("down and up again while its order runs: the order stays with the old life [E65]", "[control]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.stuck = {7};
    bench.hear(0, no_answer());
    bench.hear(0, up());
    const Plan& plan = bench.plane.plans.back();
    REQUIRE(plan.begin.size() == 1);
    const LifeId fresh = plan.begin[0].life;
    CHECK(fresh != 7);
    CHECK(contains(plan.tables.at(0).slots, fresh));
    bench.plane.release(7);
    bench.poll();
    REQUIRE(bench.plane.orders.size() == 1);
    CHECK(bench.plane.orders[0].life == 7);
}

TEST_CASE("sockets that are stuck delay neither the next plan nor other orders nor the line for long [E52]",
          "[control]") {
    Bench bench({service(3)});
    bench.all_up(3);
    bench.plane.stuck = {7};
    bench.hear(0, no_answer());
    bench.tell(2, std::nullopt);  // our network works
    bench.hear(1, no_answer());
    CHECK(bench.plane.plans.back().condemn == std::vector<LifeId>{8});
    CHECK(bench.plane.orders.size() == 2);
    CHECK(
        bench.log.has("warning: postgres/b is DOWN: no answer within 1s (3/3), 1 of 3 backends left; "
                      "no socket was open"));
    CHECK(run_until(bench.context, [&] {
        return bench.log.has(
            "warning: postgres/a is DOWN: no answer within 1s (3/3), 2 of 3 backends left; "
            "its sockets are still being terminated");
    }));
}

TEST_CASE("a connect that raced the condemnation is ended by another order [E29]", "[control]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open[7] = 1;
    bench.hear(0, no_answer());
    bench.controller->on_raced_connect(7);
    bench.poll();
    REQUIRE(bench.plane.orders.size() == 2);
    CHECK(bench.plane.orders[1].life == 7);
    CHECK(bench.plane.orders[1].terminate_tcp);
    bench.controller->on_raced_connect(8);    // serves
    bench.controller->on_raced_connect(999);  // unknown
    bench.poll();
    CHECK(bench.plane.orders.size() == 2);
}

TEST_CASE("a plan that the data plane refuses is tried again after 1 s, and nothing is ended before",
          "[control][E43]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.failures_left = 1;
    bench.plane.reports = {done(1)};
    bench.hear(0, no_answer());
    CHECK(bench.plane.orders.empty());
    CHECK(bench.log.has("error: cannot update the data path, trying again in 1s: lb_tables is full"));
    CHECK(bench.log.has("warning: postgres/a is DOWN: no answer within 1s (3/3), 1 of 2 backends left"));
    CHECK(bench.status().backends[0].effective_weight == 1);
    REQUIRE(run_until(bench.context, [&] { return !bench.plane.orders.empty(); }));
    CHECK(bench.plane.plans.back().condemn == std::vector<LifeId>{7});
    CHECK(bench.plane.plans.back().tables.size() == 1);
}

TEST_CASE("a refused plan may be half carried out: its tables are published again, changed or not",
          "[control][E43]") {
    Bench bench({service(2)});
    bench.all_up(2);
    const auto count = bench.plane.plans.size();
    bench.plane.failures_left = 1;
    bench.hear(0, refused());
    REQUIRE(bench.plane.refused.back().tables.size() == 1);
    bench.hear(0, up());
    REQUIRE(bench.plane.plans.size() == count + 1);
    REQUIRE(bench.plane.plans.back().tables.size() == 1);
    CHECK(bench.plane.plans.back().tables[0].slots == std::vector<LifeId>{7, 8});
}

TEST_CASE("a life whose retirement was refused is looked at again before it is retired", "[control][E43]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.hear(0, no_answer());
    bench.plane.failures_left = 1;
    REQUIRE(run_until(bench.context, [&] { return !bench.plane.refused.empty(); }));
    REQUIRE(bench.plane.refused.back().retire == std::vector<LifeId>{7});
    bench.plane.open[7] = 1;
    const auto retired = [&] { return !bench.plane.plans.back().retire.empty(); };
    CHECK_FALSE(run_until(bench.context, retired, 1500ms));
}

TEST_CASE("a controller may go in the middle of anything", "[control]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.stuck = {7};
    bench.hear(0, no_answer());
    bench.tell(1, no_answer());
    bench.controller.reset();
    bench.plane.release(7);
    bench.poll();
    CHECK(bench.plane.orders.size() == 1);
}

TEST_CASE("a family that is refused while the other serves is told, and is no panic [E85]", "[control]") {
    Service dual = service(1);
    dual.addresses.push_back(parse_endpoint("[fd00::10]:5432").value());
    dual.backends.push_back(backend("six", "[fd00::1]:5432"));
    Bench bench({dual});
    bench.all_up(2);
    bench.hear(1, no_answer());
    CHECK(
        bench.log.has("warning: postgres has no eligible IPv6 backend: connections are refused, the other "
                      "address family is available"));
    CHECK_FALSE(bench.status().panic);
}
