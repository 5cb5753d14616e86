// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/events.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

/// Sockets were ended that no life knows of.
Event swept(const std::string& service, std::optional<Protocol> protocol, const std::string& which,
            const TerminationReport& report) {
    return {.type = Event::Type::sockets_ended,
            .service = service,
            .protocol = protocol,
            .message = which + ": " + describe(report),
            .report = report};
}

}  // namespace

/// A transition of this turn is reported together with what its order brings.
void Controller::Impl::order(const TrackedService& service, const DueOrder& due, TimePoint now) {
    const ServiceState& state = service.state;
    const LifeId life = due.order.life;
    const auto known = std::ranges::find_if(transitions, [&](const Transition& transition) {
        return !is_good(transition) && transition.met == life;
    });
    std::optional<Event> completes;
    if (known != transitions.end() && due.cause != EndCause::quiet) {
        completes = headline(state, due.backend, *known);
        transitions.erase(known);
    }
    Event about = ending(state, due.backend, completes ? "" : because(state, due));
    note_reason(service, due);
    if (due.order.terminate_tcp && due.cause != EndCause::quiet) {
        const Service& config = *state.service;
        const Endpoint& endpoint = config.backends[due.backend].endpoint;
        if (config.connections.untracked == Untracked::terminate &&
            !untracked_kept.contains({config.protocol, endpoint}))
            clear_untracked(config, {endpoint});
    }
    coalescer.await_report(life, std::move(about), std::move(completes), now);
    runner.issue(due.order);
}

void Controller::Impl::note_reason(const TrackedService& service, const DueOrder& due) {
    const BackendRecord& record = service.state.backends[due.backend];
    const BackendStats& stats = service.stats[due.backend];
    const LifeId life = due.order.life;
    const std::string cause = because(service.state, due);
    const bool by_health = cause.empty() || due.cause == EndCause::grace_over ||
                           due.cause == EndCause::suspicion_over || due.cause == EndCause::alternative ||
                           (due.cause == EndCause::drain_timeout && record.health == Health::down);
    reasons[life] = {!by_health                  ? cause
                     : stats.down_reason.empty() ? stats.reason
                                                 : stats.down_reason,
                     end_reason(record, due.cause)};
    if (due.cause != EndCause::denied) return;
    denied[life] = record.denied_by;
    before_enforcement.insert(life);
}

void Controller::Impl::on_report(const ReseatOrder& order, const TerminationReport& report) {
    const LifeId life = order.life;
    coalescer.on_report(life, report);
    drain_watcher.on_report(life, std::chrono::steady_clock::now());
    if (const auto policy = denied.find(life); policy != denied.end())
        terminated_by_policy[policy->second] += report.terminated;
    if (before_enforcement.erase(life) && before_enforcement.empty() && enforcement_due) enforce_policies();
    for (const auto& waiting : awaited) {
        if (waiting->lives.erase(life) == 0) continue;
        waiting->sum.matched += report.matched;
        waiting->sum.terminated += report.terminated;
        waiting->sum.repointed += report.repointed;
        waiting->sum.failed += report.failed;
        if (waiting->sum.first_failure.empty()) waiting->sum.first_failure = report.first_failure;
        waiting->sum.duration = std::max(waiting->sum.duration, report.duration);
        if (waiting->lives.empty()) waiting->done.cancel();
    }
    const auto place = registry.find_life(life);
    if (!place) return;
    const Reason& reason = reasons[life];
    BackendCounters& counters = place->stats().counters;
    counters.terminated[static_cast<std::size_t>(reason.kind)] += report.terminated;
    counters.repointed += report.repointed;
    counters.failed += report.failed;
    const bool is_look = order.quiet_for > Duration::zero();
    ServiceState& state = place->service->state;
    if (is_look &&
        on_quiet_look(state, place->backend, life, report.duration, std::chrono::steady_clock::now())) {
        agenda.wake(state.id);
        loop.wake();
    }
    if (is_look && report.matched == 0) return;
    note_failover(*place->service, place->backend, life, reason.text, report);
}

void Controller::Impl::on_raced_connect(LifeId life) {
    const auto place = registry.find_life(life);
    if (!place) return;
    if (const auto order = order_again(place->service->state, place->backend, life)) runner.issue(*order);
}

void Controller::Impl::clear_untracked(const Service& service, const std::vector<Endpoint>& destinations) {
    if (destinations.empty()) return;
    UntrackedDue& due = untracked_due[{service.protocol, service.connections.close_spread}];
    due.services.insert(service.name);
    due.destinations.insert(due.destinations.end(), destinations.begin(), destinations.end());
}

void Controller::Impl::end_untracked() {
    for (auto& [key, due] : std::exchange(untracked_due, {})) {
        const Protocol protocol = key.first;
        UntrackedOrder order{protocol, std::move(due.destinations), key.second};
        const auto on_report = [this, protocol, names = std::move(due.services)](const auto& report) {
            for (const std::string& name : names)
                if (TrackedService* service = registry.find(name, protocol))
                    service->untracked = report.failed;
            if (report.matched)
                tell(swept(names.size() == 1 ? *names.begin() : "", protocol, "sockets older than reseat",
                           report));
        };
        sweeper.end_untracked(std::move(order), on_report);
    }
}

/// Sockets that can follow to a backend that is allowed do so first.
void Controller::Impl::enforce_policies() {
    enforcement_due = false;
    before_enforcement.clear();
    sweeper.enforce_policies([this](const PolicyReports& reports) { on_policy_reports(reports); });
}

void Controller::Impl::on_policy_reports(const PolicyReports& reports) {
    for (const auto& [policy, report] : reports) {
        terminated_by_policy[policy] += report.terminated;
        if (report.matched) tell(swept("", std::nullopt, "policy " + policy, report));
    }
}

}  // namespace reseat::lb
