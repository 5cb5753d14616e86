// SPDX-License-Identifier: Apache-2.0
#include "lb/select/eligibility.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::lb;

namespace {

using Members = std::vector<std::size_t>;

Candidate up(unsigned priority = 0) {
    return {.health = Health::up, .priority = priority};
}
Candidate down(unsigned priority = 0) {
    return {.health = Health::down, .priority = priority};
}

Choice choose(std::vector<Candidate> candidates, unsigned panic_threshold,
              OnNoHealthy on_no_healthy = OnNoHealthy::fail_open) {
    return reseat::lb::choose(candidates, Family::v4, on_no_healthy, panic_threshold);
}

}  // namespace

TEST_CASE("below the threshold health is ignored, at it or above it is not [E20]", "[eligibility]") {
    CHECK(choose({up(), down(), down()}, 34).from == ChosenFrom::panic);
    CHECK(choose({up(), down(), down()}, 34).members == Members{0, 1, 2});
    CHECK(choose({up(), down(), down()}, 33).members == Members{0});
    CHECK(choose({up(), down()}, 50).from == ChosenFrom::eligible);
    CHECK(choose({up(), down(), down()}, 0).from == ChosenFrom::eligible);
    CHECK(choose({up(), up()}, 100).from == ChosenFrom::eligible);
    Candidate ejected = up();
    ejected.ejected = true;
    CHECK(choose({up(), ejected}, 100).members == Members{0, 1});
}

TEST_CASE("in panic as ever: never drain, maint, weight 0 or barred, nor do they count [E20]",
          "[eligibility]") {
    Candidate drain = down(), maint = up(), light = up(), barred = down();
    drain.operator_state = OperatorState::drain;
    maint.operator_state = OperatorState::maint;
    light.weight = 0;
    barred.barred = true;
    CHECK(choose({drain, maint, light, barred, up()}, 100).from == ChosenFrom::eligible);
    const Choice choice = choose({drain, maint, light, barred, up(), down()}, 51);
    CHECK(choice.from == ChosenFrom::panic);
    CHECK(choice.members == Members{4, 5});
}

TEST_CASE("no panic as long as one priority has enough; then only that which carries panics",
          "[eligibility]") {
    CHECK(choose({up(), down(), down(), up(1)}, 50).members == Members{0});
    CHECK(choose({down(), down(), up(1), down(1), down(1)}, 50).members == Members{2, 3, 4});
    CHECK(choose({up(), down(), down(), up(1), down(1), down(1)}, 50).members == Members{0, 1, 2});
}

TEST_CASE("with nobody eligible on_no_healthy decides, whatever the threshold [E20]", "[eligibility]") {
    CHECK(choose({down(), down()}, 50).from == ChosenFrom::fail_open);
    CHECK(choose({down(), down()}, 50, OnNoHealthy::reject).from == ChosenFrom::nothing);
}

TEST_CASE("what was not checked yet is no reason to panic", "[eligibility]") {
    CHECK(choose({up(), {}, {}}, 50).members == Members{0});
    CHECK(choose({up(), down(), down(), {}}, 50).members == Members{0, 1, 2, 3});
}
