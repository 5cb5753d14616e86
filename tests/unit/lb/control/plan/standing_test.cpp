// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/service_state.hpp"
#include "lb/control/report/tracked_service.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Service standing(Service of, std::size_t backend, Standing standing) {
    of.backends[backend].standing = standing;
    return of;
}

Service sourced(std::size_t backends, Protocol protocol = Protocol::tcp) {
    Service made = service(backends, protocol);
    for (Backend& one : made.backends) {
        one.source = "file /etc/endpoints.yaml";
        one.incarnation = "uid-" + one.name;
    }
    return made;
}

}  // namespace

TEST_CASE("a backend that leaves gets no new connections, and its TCP sockets go on [F04]", "[standing]") {
    Stepper step(sourced(2));
    step.all_up();
    const LifeId leaving = step.life(0);
    step.reload(standing(step.service, 0, Standing::leaving));
    CHECK(step.table() == Lives{step.life(1)});
    CHECK(step.last.plan.drain == Lives{leaving});
    CHECK(step.order(leaving) == nullptr);
    CHECK(state_of(step.state.backends[0]) == BackendState::leaving);
    step.later(299s);
    CHECK(step.order(leaving) == nullptr);
    step.later(2s);
    REQUIRE(step.order(leaving));
}

TEST_CASE("connected UDP sockets of one that leaves are moved at once [F04]", "[standing]") {
    Stepper step(sourced(2, Protocol::udp));
    step.all_up();
    const LifeId leaving = step.life(0);
    step.reload(standing(step.service, 0, Standing::leaving));
    CHECK(step.order(leaving));
}

TEST_CASE("the removal of one that was leaving does not set its drain back", "[standing]") {
    Stepper step(sourced(2));
    step.all_up();
    const LifeId leaving = step.life(0);
    step.reload(standing(step.service, 0, Standing::leaving));
    step.later(200s);
    Service gone = step.service;
    gone.backends.erase(gone.backends.begin());
    step.reload(gone);
    CHECK(step.order(leaving) == nullptr);
    step.later(101s);
    CHECK(step.order(leaving));
}

TEST_CASE("where all leave, those that answer serve as last resort, and nothing drains [F05]", "[standing]") {
    Stepper step(sourced(2));
    step.all_up();
    Service all = standing(standing(step.service, 0, Standing::leaving), 1, Standing::leaving);
    step.reload(all);
    CHECK(step.state.family(Family::v4).from == ChosenFrom::leaving);
    CHECK(step.table() == Lives{step.life(0), step.life(1)});
    CHECK(step.last.plan.drain.empty());
    step.hear(0, refused());
    CHECK(step.table() == Lives{step.life(1)});
    step.hear(1, refused());  // one that leaves and fails is not used, not even by fail_open
    CHECK(step.table().empty());
}

TEST_CASE("when a ready one comes, those that leave drain", "[standing]") {
    Stepper step(standing(sourced(2), 0, Standing::leaving));
    step.hear(0, up());
    CHECK(step.table() == Lives{step.life(0)});  // the other one was not checked yet
    const LifeId last_resort = step.life(0);
    step.hear(1, up());
    CHECK(step.table() == Lives{step.life(1)});
    CHECK(step.last.plan.drain == Lives{last_resort});
}

TEST_CASE("one that is not ready is never used, not by fail_open and not in panic", "[standing]") {
    Service config = standing(sourced(2), 0, Standing::unready);
    config.panic_threshold = 100;
    Stepper step(config);
    step.hear(0, up());
    step.hear(1, refused());
    CHECK(step.table() == Lives{step.life(1)});
    Stepper alone(standing(sourced(1), 0, Standing::unready));
    alone.hear(0, up());
    CHECK(alone.table().empty());
    CHECK(state_of(alone.state.backends[0]) == BackendState::unready);
}

TEST_CASE("a flap of readiness changes nothing for open sockets [F09]", "[standing]") {
    Stepper step(sourced(2));
    step.all_up();
    const LifeId life = step.life(0);
    for (int i = 0; i < 20; ++i) {
        step.reload(standing(step.service, 0, Standing::unready));
        CHECK(step.last.plan.drain == Lives{life});
        step.later(1s);
        step.reload(step.service);
        CHECK(step.last.plan.resume == Lives{life});
        CHECK(step.last.orders.empty());
        step.later(2s);
    }
    CHECK(step.life(0) == life);
}

TEST_CASE("another incarnation at the same address ends the life before at once [F08]", "[standing]") {
    Stepper step(sourced(2));
    step.all_up();
    const LifeId before = step.life(0);
    Service replaced = step.service;
    replaced.backends[0].incarnation = "uid-another";
    step.reload(replaced);
    CHECK(step.last.plan.condemn == Lives{before});
    REQUIRE(step.order(before));
    CHECK(step.state.backends[0].health == Health::unchecked);
    CHECK(step.table() == Lives{step.life(1)});
    step.hear(0, up());
    CHECK(step.life(0) != before);
    CHECK(contains(step.table(), step.life(0)));
}

TEST_CASE("a replaced backend's sockets end also where it is the only one [F08]", "[standing]") {
    Stepper step(sourced(1));
    step.all_up();
    const LifeId before = step.life(0);
    Service replaced = step.service;
    replaced.backends[0].incarnation = "uid-another";
    step.reload(replaced);
    CHECK(step.order(before));
    CHECK(step.life(0) != before);
    CHECK(step.table() == Lives{step.life(0)});
}

TEST_CASE("an incarnation that is not known replaces nothing", "[standing]") {
    Stepper step(sourced(2));
    step.all_up();
    const LifeId before = step.life(0);
    Service unknown = step.service;
    unknown.backends[0].incarnation.clear();
    step.reload(unknown);
    CHECK(step.life(0) == before);
    step.reload(step.service);
    CHECK(step.life(0) == before);
}

TEST_CASE("one failed check is enough for what its source announced [F07]", "[standing]") {
    Stepper step(sourced(3));
    step.all_up();
    Service now = standing(step.service, 0, Standing::leaving);
    now.backends[1].held = true;
    step.reload(now);
    auto modes = check_modes(step.state);
    CHECK(modes[0].doubted);
    CHECK(modes[1].doubted);
    CHECK_FALSE(modes[2].doubted);
    now.backends.pop_back();
    step.reload(now);
    CHECK(check_modes(step.state)[2].doubted);

    HealthTracker tracker({.interval = 5s, .fast_interval = 1s}, {.health = Health::up});
    CHECK(tracker.next_delay() == 5s);
    tracker.set_doubted(true);
    CHECK(tracker.next_delay() == 1s);
    const auto event = tracker.on_result({ProbeOutcome::no_answer, "no answer within 1s"});
    REQUIRE(event);
    CHECK(event->outcome == ProbeOutcome::no_answer);
    CHECK(event->reason == "no answer within 1s (1/1)");
}

TEST_CASE("a leaving backend that falls silent has its TCP clients told at once [F07]", "[standing]") {
    Stepper step(sourced(2));
    step.all_up();
    const LifeId leaving = step.life(0);
    step.reload(standing(step.service, 0, Standing::leaving));
    step.hear(0, no_answer());
    REQUIRE(step.order(leaving));
    CHECK(step.order(leaving)->terminate_tcp);
}

TEST_CASE("on_leaving and on_unready say what becomes of open sockets", "[standing]") {
    const auto said = GENERATE(Standing::leaving, Standing::unready);
    Service config = sourced(2);
    auto& fate = said == Standing::leaving ? config.connections.on_leaving : config.connections.on_unready;
    fate = SocketFate::terminate;
    Stepper step(config);
    step.all_up();
    const LifeId life = step.life(0);
    step.reload(standing(config, 0, said));
    CHECK(step.order(life));
    fate = SocketFate::keep;
    Stepper kept(config);
    kept.all_up();
    kept.reload(standing(config, 0, said));
    kept.later(1h);
    CHECK(kept.order(kept.life(0)) == nullptr);
}
