// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/tracked_service.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

std::string first_reason(const Service& service, const BackendRecord& record) {
    if (service.health_check.type == CheckType::none) return "no health check";
    if (record.health == Health::up) return "up before this process started, not checked yet";
    if (record.health == Health::down) return "down before this process started, not checked yet";
    return "not checked yet";
}

BackendStats first_stats(const ServiceState& state, std::size_t backend, BackendId& next_id) {
    return {.id = next_id++,
            .reason = first_reason(*state.service, state.backends[backend]),
            .since = std::chrono::system_clock::now()};
}

bool found_sockets(const TerminationReport& report) {
    return report.matched || report.terminated || report.repointed || report.failed;
}

}  // namespace

ConnectCounts& ConnectCounts::operator+=(const ConnectCounts& more) {
    connects += more.connects;
    failures += more.failures;
    resets += more.resets;
    unanswered += more.unanswered;
    return *this;
}

ConnectCounts count_connects(const DataPlane& plane, LifeId life) {
    const ConnectOutcomes outcomes = plane.connect_outcomes(life);
    return {plane.connects_total(life), outcomes.failures, outcomes.resets, outcomes.unanswered};
}

TrackedService track(ServiceState state, std::shared_ptr<const Service> configured, BackendId& next_id) {
    TrackedService tracked{.state = std::move(state), .configured = std::move(configured)};
    for (std::size_t i = 0; i < tracked.state.backends.size(); ++i)
        tracked.stats.push_back(first_stats(tracked.state, i, next_id));
    return tracked;
}

void take(TrackedService& service, Reconfigured reconfigured, BackendId& next_id) {
    std::vector<BackendStats> stats;
    for (std::size_t i = 0; i < reconfigured.origins.size(); ++i) {
        const auto origin = reconfigured.origins[i];
        if (!origin) {
            stats.push_back(first_stats(reconfigured.state, i, next_id));
            continue;
        }
        stats.push_back(std::move(service.stats[*origin]));
        if (state_of(service.state.backends[*origin]) != state_of(reconfigured.state.backends[i]))
            stats.back().since = std::chrono::system_clock::now();
    }
    service.state = std::move(reconfigured.state);
    service.stats = std::move(stats);
}

void note_failover(TrackedService& service, std::size_t backend, LifeId life, const std::string& reason,
                   const TerminationReport& report) {
    auto& last = service.last_failover;
    if (last && service.last_failover_life == life) {
        last->report.matched = std::max(last->report.matched, report.matched);
        last->report.terminated += report.terminated;
        last->report.repointed += report.repointed;
        last->report.failed = report.failed;
        last->report.first_failure = report.first_failure;
        return;
    }
    if (!found_sockets(report)) return;
    if (report.matched) service.failovers.add(report.duration);
    last = Failover{.at = std::chrono::system_clock::now(),
                    .backend = service.state.service->backends[backend].name,
                    .reason = reason,
                    .report = report};
    service.last_failover_life = life;
}

}  // namespace reseat::lb
