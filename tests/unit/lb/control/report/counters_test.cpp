// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/transition.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/bench.hpp"

#include <set>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

std::uint64_t terminated(const BackendStatus& backend, EndReason reason) {
    return backend.counters.terminated[static_cast<std::size_t>(reason)];
}
std::uint64_t transitions(const BackendStatus& backend, Transition::Kind kind) {
    return backend.counters.transitions[static_cast<std::size_t>(kind)];
}

}  // namespace

TEST_CASE("transitions, and the sockets that they ended, are counted by kind and reason",
          "[control][metrics]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.reports = {{.matched = 12, .terminated = 12, .duration = 900us}};
    bench.hear(0, no_answer());
    const BackendStatus down = bench.status().backends[0];
    CHECK(transitions(down, Transition::Kind::up) == 1);
    CHECK(transitions(down, Transition::Kind::down) == 1);
    CHECK(terminated(down, EndReason::unreachable) == 12);
    CHECK(bench.status().failovers.counts[1] == 1);
    CHECK(bench.status().failovers.sum == Approx(0.0009));
}

TEST_CASE("counts outlive a reload that keeps the backend, and vain attempts are counted each",
          "[control][metrics]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.plane.open[7] = 1;
    bench.plane.reports = {{.matched = 3, .terminated = 2, .repointed = 1, .failed = 1}, {.failed = 1}};
    bench.hear(0, no_answer());
    REQUIRE(run_until(bench.context, [&] { return bench.plane.orders.size() == 2; }));
    Service changed = service(3);
    changed.lb_policy = LbPolicy::random;
    REQUIRE(bench.controller->reload({changed}, {}).has_value());
    bench.poll();
    const BackendStatus kept = bench.status().backends[0];
    CHECK(terminated(kept, EndReason::unreachable) == 2);
    CHECK(kept.counters.repointed == 1);
    CHECK(kept.counters.failed == 2);
    CHECK(transitions(kept, Transition::Kind::down) == 1);
}

TEST_CASE("what the operator does is counted as such", "[control][metrics]") {
    Service config = service(2, Protocol::udp);
    Bench bench({config});
    bench.all_up(2);
    bench.plane.reports = {{.matched = 2, .terminated = 1, .repointed = 1}};
    REQUIRE(bench.controller->set_operator_state("postgres", "a", OperatorState::drain).has_value());
    bench.poll();
    const BackendStatus drained = bench.status().backends[0];
    CHECK(transitions(drained, Transition::Kind::drain) == 1);
    CHECK(terminated(drained, EndReason::operated) == 1);
}

TEST_CASE("checks are counted and remembered with their backend", "[control][metrics]") {
    Bench bench({service(2)});
    bench.all_up(2);
    bench.hear(0, refused());
    const ServiceId id = bench.controller->services().at(0);
    const auto plain = bench.controller->status(id, false);
    const auto detailed = bench.controller->status(id, true);
    REQUIRE(plain);
    REQUIRE(detailed);
    CHECK(plain->backends[0].history.empty());
    CHECK(detailed->backends[0].history.size() == 2);
    CHECK(detailed->backends[0].checks_total[static_cast<std::size_t>(ProbeOutcome::passed)] == 1);
    CHECK(detailed->backends[0].checks_total[static_cast<std::size_t>(ProbeOutcome::refused)] == 1);
    CHECK_FALSE(bench.controller->status(id + 1000, false));
}

TEST_CASE("each cause of an end has a reason to be counted by", "[control][metrics]") {
    BackendRecord record;
    record.health = Health::down;
    record.evidence = ProbeOutcome::no_answer;
    CHECK(end_reason(record, EndCause::verdict) == EndReason::unreachable);
    record.evidence = ProbeOutcome::refused;
    CHECK(end_reason(record, EndCause::grace_over) == EndReason::refused);
    record.evidence = ProbeOutcome::answered_badly;
    CHECK(end_reason(record, EndCause::alternative) == EndReason::check_failed);
    record.evidence = ProbeOutcome::unresponsive;
    CHECK(end_reason(record, EndCause::verdict) == EndReason::unresponsive);
    CHECK(end_reason(record, EndCause::drain_timeout) == EndReason::drain_timeout);
    record.removing = true;
    CHECK(end_reason(record, EndCause::verdict) == EndReason::removed);
    std::set<std::string_view> overrides;
    for (std::size_t i = 0; i < kEndReasons; ++i) overrides.insert(to_string(static_cast<EndReason>(i)));
    CHECK(overrides.size() == kEndReasons);
}
