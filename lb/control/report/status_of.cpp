// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/tracked_service.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

/// What is known of its health, and that nothing new can be.
std::string health_reason(const BackendRecord& record, const BackendStats& stats) {
    if (stats.check.result.outcome != ProbeOutcome::not_probed) return stats.reason;
    const std::string why = "cannot be checked: " + stats.check.result.detail;
    return record.health == Health::unchecked ? why : stats.reason + "; " + why;
}

std::string said_by_source(const Backend& config, const BackendRecord& record) {
    if (record.health == Health::down) return {};
    if (config.held) return "lost by " + config.source + " without announcement, and held";
    if (record.standing == Standing::leaving) return "leaving, says " + config.source;
    return record.standing == Standing::unready ? "not ready, says " + config.source : std::string();
}

std::string reason_of(const Backend& config, const BackendRecord& record, const BackendStats& stats) {
    if (record.removing)
        return config.source.empty() ? "left the configuration" : "no longer named by " + config.source;
    if (record.operator_state != OperatorState::ready)
        return record.operator_state == config.state ? "set in the configuration" : "set by the operator";
    if (state_of(record) == BackendState::ejected) return stats.ejection;
    if (!record.denied_by.empty()) return "denied by policy " + record.denied_by;
    if (const std::string said = said_by_source(config, record); !said.empty())
        return said + "; " + health_reason(record, stats);
    const bool idle = record.weight == 0 && state_of(record) == BackendState::up;
    return idle ? "weight 0: no new connections, open ones stay" : health_reason(record, stats);
}

/// What the steady clock says, for people.
std::optional<std::chrono::system_clock::time_point> by_the_wall(std::optional<TimePoint> at) {
    if (!at) return std::nullopt;
    const auto left = *at - std::chrono::steady_clock::now();
    return std::chrono::system_clock::now() +
           std::chrono::duration_cast<std::chrono::system_clock::duration>(left);
}

}  // namespace

BackendState state_of(const BackendRecord& record) {
    if (record.removing) return BackendState::removing;
    if (record.operator_state == OperatorState::drain) return BackendState::drain;
    if (record.operator_state == OperatorState::maint) return BackendState::maint;
    if (record.health == Health::down) return BackendState::down;
    if (record.ejected) return BackendState::ejected;
    if (record.standing == Standing::leaving) return BackendState::leaving;
    if (record.standing == Standing::unready) return BackendState::unready;
    return record.health == Health::up ? BackendState::up : BackendState::unchecked;
}

ServiceStatus status_of(const TrackedService& service, const DataPlane& plane, const OrderRunner& runner,
                        bool history) {
    const ServiceState& state = service.state;
    ServiceStatus status{.service = state.service, .eligible = eligible_count(state)};
    status.untracked = service.untracked;
    status.last_failover = service.last_failover;
    status.failovers = service.failovers;
    status.checks = service.checks;
    status.panic = std::ranges::any_of(state.families, [](const FamilyState& family) {
        return family.from == ChosenFrom::fail_open || family.from == ChosenFrom::panic;
    });
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const BackendRecord& record = state.backends[i];
        const BackendStats& stats = service.stats[i];
        BackendStatus one{.backend = state.service->backends[i], .state = state_of(record)};
        one.reason = reason_of(state.service->backends[i], record, stats);
        one.since = stats.since;
        one.check = stats.check;
        one.checks_total = stats.checks.counts();
        if (history) one.history = stats.checks.last();
        one.counters = stats.counters;
        one.backend.weight = record.weight;
        one.effective_weight = effective_weight(state, i);
        one.ejected_until = by_the_wall(stats.outlier.until(state.service->outlier_detection));
        if (record.life) one.sockets_end_at = by_the_wall(record.life->end_at);
        ConnectCounts counts = stats.retired;
        const auto add = [&](const Life& life) {
            const std::uint64_t open = plane.open_sockets(life.id);
            one.open_sockets += open;
            counts += count_connects(plane, life.id);
            if (life.waiting) one.waiting += open;
            one.stuck += runner.stuck(life.id);
        };
        if (record.life) add(*record.life);
        std::ranges::for_each(record.ended, add);
        one.connects_total = counts.connects;
        one.connect_failures_total = counts.failures;
        one.early_resets_total = counts.resets;
        one.unanswered_total = counts.unanswered;
        status.open_sockets += one.open_sockets;
        status.waiting += one.waiting;
        status.stuck += one.stuck;
        status.backends.push_back(std::move(one));
    }
    return status;
}

}  // namespace reseat::lb
