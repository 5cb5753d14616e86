// SPDX-License-Identifier: Apache-2.0
#include "lb/health/health_tracker.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace std::chrono_literals;

namespace {

const HealthCheck check = {.interval = 5s,
                           .fast_interval = 1s,
                           .unhealthy_interval = 7s,
                           .unhealthy_threshold = 3,
                           .healthy_threshold = 2};

const ProbeResult pass = {ProbeOutcome::passed, "connected", 1ms};
const ProbeResult silence = {ProbeOutcome::no_answer, "no answer within 1s", 1s};
const ProbeResult refusal = {ProbeOutcome::refused, "connection refused", 1ms};
const ProbeResult nonsense = {ProbeOutcome::answered_badly, "HTTP 503, expected 200-399", 1ms};
const ProbeResult hang = {ProbeOutcome::unresponsive, "connected, but no answer within 1s", 1s};
const ProbeResult our_fault = {ProbeOutcome::not_probed, "too many open files", 0ms};

HealthTracker after(std::initializer_list<ProbeResult> results) {
    HealthTracker tracker(check);
    for (const auto& result : results) tracker.on_result(result);
    return tracker;
}

void check_event(const std::optional<HealthEvent>& event, bool healthy, ProbeOutcome outcome,
                 const std::string& reason) {
    REQUIRE(event);
    CHECK(event->healthy == healthy);
    CHECK(event->outcome == outcome);
    CHECK(event->reason == reason);
}

}  // namespace

TEST_CASE("an unchecked backend is decided by its first result", "[health]") {
    HealthTracker up(check), down(check);
    CHECK(up.health() == Health::unchecked);
    CHECK(up.next_delay() == check.fast_interval);
    check_event(up.on_result(pass), true, ProbeOutcome::passed, "connected");
    CHECK(up.health() == Health::up);
    CHECK(up.next_delay() == check.interval);
    check_event(down.on_result(silence), false, ProbeOutcome::no_answer, "no answer within 1s");
    CHECK(down.health() == Health::down);
    CHECK(down.next_delay() == check.unhealthy_interval);
}

TEST_CASE("a backend that takes connections and does not answer is unresponsive, also among silences [E79]",
          "[health]") {
    auto tracker = after({pass, hang, silence});
    check_event(tracker.on_result(silence), false, ProbeOutcome::unresponsive,
                "connected, but no answer within 1s (3/3)");
    check_event(tracker.on_result(silence), false, ProbeOutcome::no_answer, "no answer within 1s (3/3)");
}

TEST_CASE("a single timeout among successes changes nothing [E19]", "[health]") {
    auto tracker = after({pass});
    CHECK_FALSE(tracker.on_result(silence));
    CHECK(tracker.next_delay() == check.fast_interval);
    CHECK_FALSE(tracker.on_result(pass));
    CHECK(tracker.next_delay() == check.interval);
    CHECK(tracker.health() == Health::up);
}

TEST_CASE("a flap one short of the threshold never becomes a verdict, however often [E19]", "[health]") {
    auto tracker = after({pass});
    for (int round = 0; round < 100; ++round) {
        CHECK_FALSE(tracker.on_result(silence));
        CHECK_FALSE(tracker.on_result(refusal));
        CHECK(tracker.failures() == 2);
        CHECK_FALSE(tracker.on_result(pass));
    }
    CHECK(tracker.health() == Health::up);
}

TEST_CASE("the threshold's failure in a row brings it down, once", "[health]") {
    auto tracker = after({pass, silence, silence});
    check_event(tracker.on_result(silence), false, ProbeOutcome::no_answer, "no answer within 1s (3/3)");
    CHECK(tracker.health() == Health::down);
    CHECK(tracker.next_delay() == check.unhealthy_interval);
    for (int n = 0; n < 10; ++n) CHECK_FALSE(tracker.on_result(silence));
}

TEST_CASE("the threshold's pass in a row brings it up, once", "[health]") {
    auto tracker = after({silence});
    CHECK_FALSE(tracker.on_result(pass));
    CHECK(tracker.next_delay() == check.fast_interval);
    check_event(tracker.on_result(pass), true, ProbeOutcome::passed, "connected (2/2)");
    CHECK(tracker.health() == Health::up);
    CHECK(tracker.next_delay() == check.interval);
    CHECK_FALSE(tracker.on_result(pass));
}

TEST_CASE("while no backend is eligible one pass is enough, also the next after one that came before [E80]",
          "[health]") {
    auto tracker = after({silence});
    tracker.set_urgent(true);
    CHECK(tracker.one_pass_suffices());
    check_event(tracker.on_result(pass), true, ProbeOutcome::passed,
                "connected (1/2, enough while no backend is eligible)");

    auto calm = after({silence});
    calm.set_urgent(true);
    calm.set_urgent(false);
    CHECK_FALSE(calm.one_pass_suffices());
    CHECK_FALSE(calm.on_result(pass));
    CHECK(calm.one_pass_suffices());
    calm.set_urgent(true);
    check_event(calm.on_result(pass), true, ProbeOutcome::passed, "connected (2/2)");
}

TEST_CASE("a failure among passes starts the count to recovery anew", "[health]") {
    auto tracker = after({silence, pass, silence});
    CHECK(tracker.next_delay() == check.unhealthy_interval);
    CHECK_FALSE(tracker.on_result(pass));
    CHECK(tracker.health() == Health::down);
    CHECK(tracker.on_result(pass));
}

TEST_CASE("thresholds of one decide with every result", "[health]") {
    auto eager = check;
    eager.unhealthy_threshold = eager.healthy_threshold = 1;
    HealthTracker tracker(eager);
    CHECK(tracker.on_result(pass));
    check_event(tracker.on_result(refusal), false, ProbeOutcome::refused, "connection refused (1/1)");
    check_event(tracker.on_result(silence), false, ProbeOutcome::no_answer, "no answer within 1s (1/1)");
    check_event(tracker.on_result(pass), true, ProbeOutcome::passed, "connected (1/1)");
}

TEST_CASE("while down, another kind of failure in a row is an event too", "[health]") {
    auto tracker = after({pass, refusal, refusal, refusal});
    CHECK_FALSE(tracker.on_result(silence));
    CHECK(tracker.next_delay() == check.fast_interval);
    CHECK_FALSE(tracker.on_result(silence));
    check_event(tracker.on_result(silence), false, ProbeOutcome::no_answer, "no answer within 1s (3/3)");
    CHECK(tracker.next_delay() == check.unhealthy_interval);
    CHECK_FALSE(tracker.on_result(silence));
    CHECK_FALSE(tracker.on_result(refusal));
}

TEST_CASE("while down, other kinds that alternate are no event", "[health]") {
    auto tracker = after({refusal});
    for (int round = 0; round < 10; ++round) {
        CHECK_FALSE(tracker.on_result(silence));
        CHECK_FALSE(tracker.on_result(silence));
        CHECK_FALSE(tracker.on_result(nonsense));
        CHECK_FALSE(tracker.on_result(refusal));
    }
}

TEST_CASE("while down, a single pass starts the count of another kind anew", "[health]") {
    auto tracker = after({refusal, silence, silence, pass, silence, silence});
    CHECK(tracker.on_result(silence));
}

TEST_CASE("one timeout during a graceful shutdown does not pass for a vanished host [E61]", "[health]") {
    auto tracker = after({pass, refusal, refusal});
    check_event(tracker.on_result(silence), false, ProbeOutcome::refused, "connection refused (3/3)");
    CHECK_FALSE(tracker.on_result(silence));
    check_event(tracker.on_result(silence), false, ProbeOutcome::no_answer, "no answer within 1s (3/3)");
}

TEST_CASE("of several kinds of answers, the latest is the evidence", "[health]") {
    auto tracker = after({pass, silence, refusal});
    check_event(tracker.on_result(nonsense), false, ProbeOutcome::answered_badly,
                "HTTP 503, expected 200-399, in 1.0 ms (3/3)");
}

TEST_CASE("an answer before the last pass is no evidence", "[health]") {
    auto tracker = after({pass, refusal, pass, silence, silence});
    check_event(tracker.on_result(silence), false, ProbeOutcome::no_answer, "no answer within 1s (3/3)");
}

TEST_CASE("what we could not probe changes nothing", "[health]") {
    HealthTracker fresh(check);
    CHECK_FALSE(fresh.on_result(our_fault));
    CHECK(fresh.health() == Health::unchecked);

    auto tracker = after({pass, silence, silence, our_fault});
    CHECK(tracker.failures() == 2);
    CHECK(tracker.health() == Health::up);
    CHECK(tracker.on_result(silence));
}

TEST_CASE("a lost watch is confirmed 1 ms apart until the verdict, and each probe counts", "[health]") {
    auto tracker = after({pass});
    tracker.on_watch_lost();
    CHECK(tracker.next_delay() == 1ms);
    CHECK_FALSE(tracker.on_result(refusal));
    CHECK(tracker.next_delay() == 1ms);
    CHECK_FALSE(tracker.on_result(refusal));
    CHECK(tracker.confirming());
    check_event(tracker.on_result(refusal), false, ProbeOutcome::refused, "connection refused (3/3)");
    CHECK_FALSE(tracker.confirming());
    CHECK(tracker.next_delay() == check.unhealthy_interval);
}

TEST_CASE("a lost watch whose probes go on passing was only an idle connection", "[health]") {
    auto tracker = after({pass});
    tracker.on_watch_lost();
    CHECK_FALSE(tracker.on_result(our_fault));
    for (const auto delay : {1ms, 2ms, 4ms, 8ms, 16ms, 32ms, 64ms}) {
        CHECK_FALSE(tracker.on_result(pass));
        CHECK(tracker.confirming());
        CHECK(tracker.next_delay() == delay);
    }
    CHECK_FALSE(tracker.on_result(pass));
    CHECK_FALSE(tracker.confirming());
    CHECK(tracker.next_delay() == check.interval);
}

TEST_CASE("a process that dies closes its connections before its listener: one pass proves nothing",
          "[health]") {
    auto tracker = after({pass});
    tracker.on_watch_lost();
    CHECK_FALSE(tracker.on_result(pass));
    CHECK_FALSE(tracker.on_result(refusal));
    CHECK(tracker.next_delay() == 1ms);
    CHECK_FALSE(tracker.on_result(refusal));
    check_event(tracker.on_result(refusal), false, ProbeOutcome::refused, "connection refused (3/3)");
}

TEST_CASE("a lost watch adds to failures that were pending", "[health]") {
    auto tracker = after({pass, refusal, refusal});
    tracker.on_watch_lost();
    CHECK(tracker.on_result(refusal));
}

TEST_CASE("a watch lost by a backend that is not up means nothing", "[health]") {
    auto tracker = after({silence});
    tracker.on_watch_lost();
    CHECK_FALSE(tracker.confirming());
    CHECK(tracker.next_delay() == check.unhealthy_interval);
}
