// SPDX-License-Identifier: Apache-2.0
#include "lb/select/maglev.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Service by_maglev(std::size_t backends) {
    Service made = service(backends);
    made.lb_policy = LbPolicy::maglev;
    return made;
}

Service nervous(std::size_t backends, unsigned threshold) {
    Service made = service(backends);
    made.panic_threshold = threshold;
    return made;
}

}  // namespace

TEST_CASE("maglev: a backend that drains or dies has no slot, the others keep theirs [E17][E32]", "[plan]") {
    Stepper step(by_maglev(10));
    step.all_up();
    const Lives before = step.table();
    REQUIRE(before.size() == 1021);
    const LifeId gone = step.life(3);
    const auto check_gone = [&] {
        const Lives after = step.table();
        CHECK_FALSE(contains(after, gone));
        std::size_t moved = 0;
        for (std::size_t i = 0; i < before.size(); ++i) moved += before[i] != gone && before[i] != after[i];
        CHECK(moved < 51);  // 5 %
    };
    step.hear_operator(3, OperatorState::drain);
    check_gone();
    step.hear_operator(3, OperatorState::ready);
    CHECK(step.table() == before);
    step.hear(3, bad_answer());
    check_gone();
}

TEST_CASE("maglev: a table's size depends on what is configured, not on health", "[plan]") {
    Stepper step(by_maglev(11));
    step.all_up();
    CHECK(step.table().size() == 4093);
    for (std::size_t i = 0; i < 5; ++i) step.hear(i, no_answer());
    CHECK(step.table().size() == 4093);
    step.reload(by_maglev(10));
    CHECK(step.table().size() == 1021);
}

TEST_CASE("another lb_policy or hash_key reaches the data path with its table", "[plan]") {
    Stepper step(service(2));
    step.all_up();
    step.reload(by_maglev(2));
    REQUIRE(step.last.plan.change_services.size() == 1);
    CHECK(step.last.plan.change_services[0].lb_policy == LbPolicy::maglev);
    REQUIRE(step.last.plan.tables.size() == 1);
    CHECK(step.last.plan.tables[0].slots.size() == 1021);
    Service process = by_maglev(2);
    process.hash_key = HashKey::process;
    step.reload(process);
    REQUIRE(step.last.plan.change_services.size() == 1);
    CHECK(step.last.plan.change_services[0].hash_key == HashKey::process);
    CHECK(step.last.plan.tables.empty());
}

TEST_CASE("panic: backends that are down get new connects, on new lives, and go back when it is over [E20]",
          "[plan]") {
    Stepper step(nervous(3, 50));
    step.all_up();
    step.hear(0, no_answer());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::eligible);
    const LifeId served = step.life(1);
    step.hear(1, no_answer());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::panic);
    CHECK(contains(step.last.plan.condemn, served));
    REQUIRE(step.order(served));  // there is an alternative: c
    CHECK(step.table() == Lives{step.life(0), step.life(1), step.life(2)});
    const LifeId in_panic = step.life(1);
    step.hear(0, up());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::eligible);
    CHECK(step.table() == Lives{step.life(0), step.life(2)});
    CHECK(contains(step.last.plan.condemn, in_panic));
}

TEST_CASE("panic spares from draining who goes on serving", "[plan]") {
    Stepper step(nervous(2, 60));
    step.all_up();
    const LifeId life = step.life(0);
    step.hear(0, refused());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::panic);
    CHECK(step.table() == Lives{life, step.life(1)});
    CHECK(step.last.plan.drain.empty());
}

TEST_CASE("panic, then nobody is left: those that were healthy last serve [E20]", "[plan]") {
    Stepper step(nervous(3, 50));
    step.all_up();
    step.hear(0, no_answer());
    step.hear(1, no_answer());
    step.hear(2, no_answer());
    CHECK(step.state.family(Family::v4).from == ChosenFrom::fail_open);
    CHECK(step.table() == Lives{step.life(2)});
}

TEST_CASE("entering and leaving panic is said, and status shows it [E20]", "[control]") {
    Bench bench({nervous(3, 50)});
    bench.all_up(3);
    bench.hear(0, no_answer());
    CHECK_FALSE(bench.status().panic);
    bench.hear(1, no_answer());
    CHECK(bench.status().panic);
    CHECK(bench.status().eligible == 1);
    CHECK(bench.log.has(
        "warning: postgres has 1 of 3 IPv4 backends eligible, less than panic_threshold (50 %): "
        "it is in panic mode, health is ignored"));
    bench.hear(0, up());
    CHECK_FALSE(bench.status().panic);
    CHECK(bench.log.has(
        "info: postgres has 2 of 3 IPv4 backends eligible: panic mode is over, health is considered again"));
}

TEST_CASE("backends that are being removed do not count in what is said of panic [E15][E20]", "[control]") {
    Bench bench({nervous(4, 50)});
    bench.all_up(4);
    bench.plane.open[10] = 1;  // so that it stays for a while
    REQUIRE(bench.controller->reload({nervous(3, 50)}, {}).has_value());
    bench.poll();
    REQUIRE(bench.status().backends.size() == 4);
    bench.hear(0, no_answer());
    bench.hear(1, no_answer());
    CHECK(bench.log.has(
        "warning: postgres has 1 of 3 IPv4 backends eligible, less than panic_threshold (50 %): "
        "it is in panic mode, health is ignored"));
}

TEST_CASE("the operator's weight counts until the configuration says another", "[control][operator]") {
    Bench bench({service(2)});
    bench.all_up(2);
    REQUIRE(bench.controller->set_weight("postgres", "b", 3).has_value());
    bench.poll();
    CHECK(bench.plane.plans.back().tables.at(0).slots.size() == 4);
    CHECK(bench.status().backends[1].backend.weight == 3);
    CHECK(bench.status().backends[1].effective_weight == 3);
    CHECK(bench.log.has("info: postgres/b has weight 3 (was 1), set by the operator: 2 of 2 backends up"));
    Service other = service(2);
    other.health_check.timeout = 2s;
    REQUIRE(bench.controller->reload({other}, {}).has_value());
    CHECK(bench.status().backends[1].backend.weight == 3);
    other.backends[1].weight = 2;
    REQUIRE(bench.controller->reload({other}, {}).has_value());
    CHECK(bench.status().backends[1].backend.weight == 2);
    CHECK(bench.controller->set_weight("postgres", "nosuch", 1).error().code == ErrorCode::usage);
}

TEST_CASE("weight 0 by the operator: no new sockets, the open ones stay and are told of",
          "[control][operator]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open = {{Bench::first_life(0), 5}};
    REQUIRE(bench.controller->set_weight("postgres", "a", 0).has_value());
    CHECK(bench.log.has(
        "info: postgres/a has weight 0 (was 1), set by the operator: 1 of 2 backends up; it gets no new "
        "connections, 5 open sockets stay"));
    bench.poll();
    CHECK(contains(bench.plane.plans.back().drain, Bench::first_life(0)));
    CHECK(bench.plane.plans.back().tables.at(0).slots == Lives{Bench::first_life(1)});
    const BackendStatus shown = bench.status().backends[0];
    CHECK(shown.state == BackendState::up);
    CHECK(shown.reason == "weight 0: no new connections, open ones stay");
    CHECK(shown.open_sockets == 5);
    CHECK_FALSE(shown.sockets_end_at);
    REQUIRE(bench.controller->set_weight("postgres", "a", 1).has_value());
    bench.poll();
    CHECK(contains(bench.plane.plans.back().resume, Bench::first_life(0)));
}

TEST_CASE("a verdict rewrites one table of one service, however many there are", "[control]") {
    std::vector<Service> services;
    for (int i = 0; i < 1000; ++i) {
        Service one = service(2);
        one.name += std::to_string(i);
        const auto port = std::to_string(1000 + i);
        one.addresses = {parse_endpoint("10.96.0.10:" + port).value()};
        one.addresses.push_back(parse_endpoint("[fd00::10]:" + port).value());
        one.backends.push_back(backend("six", "[fd00::1]:5432"));
        services.push_back(one);
    }
    Bench bench(services);
    REQUIRE(bench.controller->start().has_value());
    for (const CheckTarget& target : bench.controller->targets())
        bench.controller->on_check(target.id, {}, up());
    bench.poll();
    const std::size_t plans = bench.plane.plans.size();
    bench.hear(1, no_answer(), 500);
    REQUIRE(bench.plane.plans.size() == plans + 1);
    CHECK(bench.plane.plans.back().tables.size() == 1);
    CHECK(bench.plane.plans.back().tables[0].slots.size() == 1);
}
