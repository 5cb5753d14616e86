// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

#include <map>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// A bench whose checks hear how they are to check.
struct Checks : Bench {
    explicit Checks(Service service) : Bench({std::move(service)}) {
        controller->on_check_mode([this](BackendId backend, CheckMode mode) {
            modes[backend] = mode;
            ++told;
        });
    }
    bool is_urgent(std::size_t backend) { return modes[id(backend)].urgent; }
    bool is_watchable(std::size_t backend) { return modes[id(backend)].watchable; }

    std::map<BackendId, CheckMode> modes;
    unsigned told = 0;
};

}  // namespace

TEST_CASE("a service without an eligible backend has all of them asked urgently, until one is back [E80]",
          "[control]") {
    Checks checks(service(3));
    checks.all_up(3);
    for (std::size_t i : {0, 1}) checks.hear(i, refused());
    CHECK_FALSE(checks.is_urgent(0));
    checks.hear(2, refused());
    for (std::size_t i : {0, 1, 2}) CHECK(checks.is_urgent(i));
    for (const CheckTarget& target : checks.controller->targets()) CHECK(target.mode.urgent);
    checks.hear(1, up());
    for (std::size_t i : {0, 1, 2}) CHECK_FALSE(checks.is_urgent(i));
}

TEST_CASE("what would not serve anyway is not asked urgently [E80]", "[control]") {
    Service config = service(3);
    config.backends[1].state = OperatorState::maint;
    config.backends.push_back(backend("six", "[fd00::1]:5432"));
    Checks checks(config);
    checks.all_up(4);
    checks.hear(1, refused());
    checks.hear(2, refused());
    checks.hear(0, refused());
    CHECK(checks.is_urgent(0));
    CHECK_FALSE(checks.is_urgent(1));
    CHECK(checks.is_urgent(2));
    CHECK_FALSE(checks.is_urgent(3));  // the other family has its own
}

TEST_CASE("a change that concerns no check tells none of them", "[control]") {
    Checks checks(service(3));
    checks.all_up(3);
    const unsigned before = checks.told;
    checks.hear(0, refused());
    checks.hear(0, up());
    CHECK(checks.told == before);
}

TEST_CASE("no idle connection is held to a backend that drains or is in maintenance [E81]", "[control]") {
    Checks checks(service(2));
    checks.all_up(2);
    const auto out = GENERATE(OperatorState::drain, OperatorState::maint);
    REQUIRE(checks.controller->set_operator_state("postgres", "a", out).has_value());
    checks.poll();
    CHECK_FALSE(checks.is_watchable(0));
    REQUIRE(checks.controller->set_operator_state("postgres", "a", OperatorState::ready).has_value());
    checks.poll();
    CHECK(checks.is_watchable(0));
}
