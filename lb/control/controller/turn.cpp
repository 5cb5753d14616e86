// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/events.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr Duration kPublishRetry = std::chrono::seconds(1);

}  // namespace

TimePoint Controller::Impl::next_due() const {
    if (publish_again_at) return std::min(housekeeping_at, *publish_again_at);
    return std::min(
        {housekeeping_at, agenda.next().value_or(housekeeping_at), looks.next().value_or(housekeeping_at)});
}

/// All that happened since the last turn becomes one plan.
void Controller::Impl::turn(TimePoint now) {
    fold(now);
    judge_failing(now);
    look_at_outliers(now);
    if (now >= housekeeping_at) keep_house(now);
    publish_again_at.reset();
    if (auto done = decide(now); !done) {
        tell({.type = Event::Type::warning,
              .level = Event::Level::error,
              .message = "cannot update the data path, trying again in 1s: " + done.error().message});
        publish_again_at = now + kPublishRetry;
    }
    if (std::exchange(targets_changed, false) && on_targets_changed) on_targets_changed();
}

void Controller::Impl::fold(TimePoint now) {
    const std::vector<HeardVerdict> verdicts = std::exchange(heard, {});
    for (const HeardVerdict& one : verdicts) fold(one, now);
    fold_restarts(now);
}

void Controller::Impl::fold_restarts(TimePoint now) {
    for (const auto& [backend, opened] : std::exchange(heard_restarts, {})) {
        const auto place = registry.find_backend(backend);
        if (!place) continue;
        tell(restarted(place->service->state, place->backend));
        on_restart(place->service->state, place->backend, opened, now);
        agenda.wake(place->service->state.id);
    }
}

void Controller::Impl::fold(const HeardVerdict& heard_verdict, TimePoint now) {
    const auto& [backend, event] = heard_verdict;
    const auto place = registry.find_backend(backend);
    if (!place) return;
    BackendRecord& record = place->record();
    if (event.healthy && record.health == Health::up) return;
    BackendStats& stats = place->stats();
    const bool other = record.health == Health::unchecked || event.healthy != (record.health == Health::up);
    if (other && record.operator_state == OperatorState::ready)
        stats.since = std::chrono::system_clock::now();
    stats.reason = event.reason;
    if (!event.healthy) stats.down_reason = event.reason;
    const LifeId met = record.life ? record.life->id : 0;
    const bool silent = event.outcome == ProbeOutcome::no_answer && !is_ours(*place);
    if (silent && suspicion.begins(now)) {
        held.clear();
        tell(suspect_network(suspicion));
        ask_others();
    }
    const auto held_until = silent ? suspicion.hold(now) : std::nullopt;
    if (held_until) held.push_back(backend);
    const bool recovers = event.healthy && record.health == Health::down;
    on_verdict(place->service->state, place->backend, event, now, held_until);
    note_transition(stats, event.healthy ? Transition::Kind::up : Transition::Kind::down, event.reason, met);
    // Connects failed for what its checks had found as well: no reason to doubt them.
    if (recovers && record.ejected) {
        stats.outlier.readmit();
        readmit(*place, "its health checks failed as well and pass again");
    }
    agenda.wake(place->service->state.id);
}

/// To be told with the next plan.
void Controller::Impl::note_transition(BackendStats& stats, Transition::Kind kind, std::string reason,
                                       LifeId met) {
    ++stats.counters.transitions[static_cast<std::size_t>(kind)];
    transitions.push_back({stats.id, kind, std::move(reason), met});
}

void Controller::Impl::keep_house(TimePoint now) {
    const DrainWatcher::Found found = drain_watcher.look(now);
    for (const LifeId life : found.vacated) {
        const auto place = registry.find_life(life);
        if (!place) continue;
        BackendRecord& record = place->record();
        if (record.life && record.life->id == life) {
            record.life->vacated = record.removing;
            if (!record.removing) drain_watcher.forget(life);  // its backend came back
        }
        for (Life& ended : record.ended)
            if (ended.id == life) ended.vacated = true;
        agenda.wake(place->service->state.id);
    }
    for (const LifeId life : found.hanging) on_raced_connect(life);
    coalescer.hurry(now);
    tell_uncheckable(now);
    if (enforcement_due) enforce_policies();
    housekeeping_at = now + kHousekeeping;
}

void Controller::Impl::tell_uncheckable(TimePoint now) {
    const auto stays = [this](BackendId id) {
        const auto place = registry.find_backend(id);
        return place && !place->record().removing;
    };
    for (const Event& event : uncheckable.take_due(now, stays)) tell(event);
}

Result<void> Controller::Impl::decide(TimePoint now) {
    if (auto done = publish(undoing); !done) return done;
    undoing = {};
    std::vector<ServiceDecision> decisions;
    Plan plan;
    for (const ServiceId id : agenda.due(now)) {
        TrackedService* service = registry.find(id);
        if (!service) {
            agenda.forget(id);
            continue;
        }
        readmit_the_last(*service);
        decisions.push_back({id, make_plan(service->state, next_life, now)});
        append(plan, decisions.back().decision.plan);
    }
    if (auto done = publish(plan); !done) {
        for (const auto& [id, decision] : decisions) {
            for (const LifeId life : decision.plan.retire) drain_watcher.doubt(life);
            on_refused(registry.find(id)->state, decision.after);
            agenda.wake(id);
        }
        announce(false);
        return done;
    }
    commit(decisions, plan, now);
    return {};
}

/// What is retired is still counted.
Result<void> Controller::Impl::publish(const Plan& plan) {
    if (plan.empty()) return {};
    std::vector<ConnectCounts> counts;
    for (const LifeId life : plan.retire) counts.push_back(count_connects(plane, life));
    if (auto done = plane.publish(plan); !done) return done;
    for (std::size_t i = 0; i < plan.retire.size(); ++i)
        if (const auto place = registry.find_life(plan.retire[i])) place->stats().retired += counts[i];
    return {};
}

}  // namespace reseat::lb
