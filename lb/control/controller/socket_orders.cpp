// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/socket_orders.hpp"

#include "lb/control/plan/events.hpp"
#include "lb/control/report/wording.hpp"

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

void add(TerminationReport& sum, const TerminationReport& report) {
    sum.matched += report.matched;
    sum.terminated += report.terminated;
    sum.repointed += report.repointed;
    sum.failed += report.failed;
    if (sum.first_failure.empty()) sum.first_failure = report.first_failure;
    sum.duration = std::max(sum.duration, report.duration);
}

}  // namespace

SocketOrders::SocketOrders(ControlState& state, asio::any_io_executor executor,
                           std::function<void(LifeId)> on_reported)
    : state_(state),
      executor_(executor),
      on_reported_(std::move(on_reported)),
      coalescer_(state.tell),
      runner_(executor, state.plane,
              [this](const auto& order, const auto& report) { on_report(order, report); }),
      sweeper_(executor, state.plane) {}

SocketOrders::~SocketOrders() {
    for (const auto& waiting : awaited_) {
        waiting->over = true;
        waiting->done.cancel();
    }
}

void SocketOrders::give(const TrackedService& service, const DueOrder& due, TimePoint now) {
    const ServiceState& state = service.state;
    const LifeId life = due.order.life;
    const auto known = std::ranges::find_if(state_.transitions, [&](const Transition& transition) {
        return !is_good(transition) && transition.met == life;
    });
    std::optional<Event> completes;
    if (known != state_.transitions.end() && due.cause != EndCause::quiet) {
        completes = headline(state, due.backend, *known);
        state_.transitions.erase(known);
    }
    Event about = ending(state, due.backend, completes ? "" : because(state, due));
    note_reason(service, due);
    if (due.order.terminate_tcp && due.cause != EndCause::quiet) {
        const Service& config = *state.service;
        const Endpoint& endpoint = config.backends[due.backend].endpoint;
        if (config.connections.untracked == Untracked::terminate &&
            !untracked_kept_.contains({config.protocol, endpoint}))
            clear_untracked(config, {endpoint});
    }
    coalescer_.await_report(life, std::move(about), std::move(completes), now);
    runner_.issue(due.order);
}

void SocketOrders::note_reason(const TrackedService& service, const DueOrder& due) {
    const BackendRecord& record = service.state.backends[due.backend];
    const BackendStats& stats = service.stats[due.backend];
    const LifeId life = due.order.life;
    const std::string cause = because(service.state, due);
    const bool by_health = cause.empty() || due.cause == EndCause::grace_over ||
                           due.cause == EndCause::suspicion_over || due.cause == EndCause::alternative ||
                           (due.cause == EndCause::drain_timeout && record.health == Health::down);
    reasons_[life] = {!by_health                  ? cause
                      : stats.down_reason.empty() ? stats.reason
                                                  : stats.down_reason,
                      end_reason(record, due.cause)};
    if (due.cause != EndCause::denied) return;
    denied_[life] = record.denied_by;
    before_enforcement_.insert(life);
}

void SocketOrders::on_report(const ReseatOrder& order, const TerminationReport& report) {
    const LifeId life = order.life;
    coalescer_.on_report(life, report);
    on_reported_(life);
    if (const auto policy = denied_.find(life); policy != denied_.end())
        terminated_by_policy_[policy->second] += report.terminated;
    if (before_enforcement_.erase(life) && before_enforcement_.empty() && enforcement_due_) enforce();
    for (const auto& waiting : awaited_) {
        if (waiting->lives.erase(life) == 0) continue;
        add(waiting->sum, report);
        if (waiting->lives.empty()) waiting->done.cancel();
    }
    const auto place = state_.registry.find_life(life);
    if (!place) return;
    const Reason& reason = reasons_[life];
    BackendCounters& counters = place->stats().counters;
    counters.terminated[static_cast<std::size_t>(reason.kind)] += report.terminated;
    counters.repointed += report.repointed;
    counters.failed += report.failed;
    const bool is_look = order.quiet_for > Duration::zero();
    ServiceState& service = place->service->state;
    if (is_look &&
        on_quiet_look(service, place->backend, life, report.duration, std::chrono::steady_clock::now()))
        state_.wake_service(service.id);
    if (is_look && report.matched == 0) return;
    note_failover(*place->service, place->backend, life, reason.text, report);
}

void SocketOrders::give_again(LifeId life) {
    const auto place = state_.registry.find_life(life);
    if (!place) return;
    if (const auto order = order_again(place->service->state, place->backend, life)) runner_.issue(*order);
}

void SocketOrders::forget(LifeId life) {
    coalescer_.forget(life);
    reasons_.erase(life);
    denied_.erase(life);
}

std::shared_ptr<AwaitedReports> SocketOrders::await_reports(std::set<LifeId> lives) {
    awaited_.push_back(std::make_shared<AwaitedReports>(
        AwaitedReports{std::move(lives), {}, asio::steady_timer(executor_)}));
    return awaited_.back();
}

void SocketOrders::clear_untracked(const Service& service, const std::vector<Endpoint>& destinations) {
    if (destinations.empty()) return;
    UntrackedDue& due = untracked_due_[{service.protocol, service.connections.close_spread}];
    due.services.insert(service.name);
    due.destinations.insert(due.destinations.end(), destinations.begin(), destinations.end());
}

void SocketOrders::end_untracked() {
    for (auto& [key, due] : std::exchange(untracked_due_, {})) {
        const Protocol protocol = key.first;
        UntrackedOrder order{protocol, std::move(due.destinations), key.second};
        const auto on_report = [this, protocol, names = std::move(due.services)](const auto& report) {
            for (const std::string& name : names)
                if (TrackedService* service = state_.registry.find(name, protocol))
                    service->untracked = report.failed;
            if (report.matched)
                state_.tell(swept(names.size() == 1 ? *names.begin() : "", protocol,
                                  "sockets older than reseat", report));
        };
        sweeper_.end_untracked(std::move(order), on_report);
    }
}

void SocketOrders::note_configuration() {
    untracked_kept_.clear();
    const auto ends_untracked = [](const TrackedService* service) {
        return service->state.service->connections.untracked == Untracked::terminate;
    };
    if (!std::ranges::any_of(state_.registry.all(), ends_untracked)) return;
    for (const TrackedService* tracked : state_.registry.all()) {
        if (!tracked->configured || ends_untracked(tracked)) continue;
        const Service& service = *tracked->configured;
        for (const Endpoint& address : service.addresses) untracked_kept_.insert({service.protocol, address});
        for (const Backend& backend : service.backends)
            untracked_kept_.insert({service.protocol, backend.endpoint});
    }
}

void SocketOrders::require_enforcement() {
    enforcement_due_ = true;
    if (before_enforcement_.empty()) enforce();
}

void SocketOrders::enforce_if_due() {
    if (enforcement_due_) enforce();
}

void SocketOrders::enforce() {
    enforcement_due_ = false;
    before_enforcement_.clear();
    sweeper_.enforce_policies([this](const PolicyReports& reports) { on_policy_reports(reports); });
}

void SocketOrders::on_policy_reports(const PolicyReports& reports) {
    for (const auto& [policy, report] : reports) {
        terminated_by_policy_[policy] += report.terminated;
        if (report.matched) state_.tell(swept("", std::nullopt, "policy " + policy, report));
    }
}

std::uint64_t SocketOrders::terminated_by(const std::string& policy) const {
    const auto found = terminated_by_policy_.find(policy);
    return found == terminated_by_policy_.end() ? 0 : found->second;
}

}  // namespace reseat::lb
