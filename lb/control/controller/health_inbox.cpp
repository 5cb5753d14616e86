// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/health_inbox.hpp"

#include "lb/control/plan/events.hpp"
#include "lb/control/report/wording.hpp"
#include "lb/health/own_address.hpp"

#include <utility>

namespace reseat::lb {
namespace {

constexpr std::size_t kAskedAtOnce = 8;
/// So many backends that are up at the start are a line each; of more only their number is reported.
constexpr std::size_t kReportedOneByOne = 100;

/// Whether a check that was not answered with silence shows that its machine was reached. A command may look
/// at anything; a UDP check that expects nothing passes where nothing comes.
bool reached_its_machine(const HealthCheck& check, ProbeOutcome outcome) {
    if (check.type == CheckType::exec) return false;
    return check.type != CheckType::udp || outcome != ProbeOutcome::passed || !check.udp.expect.empty();
}

/// Whether what is checked of this backend is on this machine.
bool is_ours(const Place& place) {
    BackendStats& stats = place.stats();
    const Address checked =
        checked_endpoint(place.service->state.service->health_check, place.config()).address;
    if (stats.checked_address != checked) {
        stats.checked_address = checked;
        stats.is_ours = is_own_address(checked);
    }
    return stats.is_ours;
}

}  // namespace

void HealthInbox::begin() {
    if (never_checked_.size() > kReportedOneByOne) summarized_ = never_checked_;
}

void HealthInbox::on_check(BackendId backend, const CheckStatus& status,
                           const std::optional<HealthEvent>& event) {
    const auto place = state_.registry.find_backend(backend);
    if (!place) return;
    place->stats().check = status;
    place->stats().checked = true;
    place->stats().checks.add(status);
    if (status.result.outcome != ProbeOutcome::not_probed) place->service->checks.add(status.result.latency);
    uncheckable_.on_check(backend, place->service->state.service, place->config().name, status.result);
    if (never_checked_.erase(backend) && summarized_.contains(backend)) {
        if (event && event->healthy)
            ++first_ups_;
        else
            summarized_.erase(backend);
    }
    judge_network(*place, status.result, std::chrono::steady_clock::now());
    BackendRecord& record = place->record();
    if (record.presumed && status.result.outcome == ProbeOutcome::passed) {
        record.presumed = false;
        state_.wake_service(place->service->state.id);
    }
    if (status.forgot) restarts_.push_back({backend, *status.forgot});
    if (event) verdicts_.push_back({backend, *event});
    if (status.forgot || event) state_.wake();
}

bool HealthInbox::is_summarized(const Transition& transition) {
    return summarized_.erase(transition.backend) > 0 && transition.kind == Transition::Kind::up;
}

void HealthInbox::fold(TimePoint now) {
    for (const Verdict& one : std::exchange(verdicts_, {})) fold(one, now);
    for (const Restart& one : std::exchange(restarts_, {})) fold(one, now);
}

void HealthInbox::fold(const Verdict& verdict, TimePoint now) {
    const auto& [backend, event] = verdict;
    const auto place = state_.registry.find_backend(backend);
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
    if (silent && suspicion_.begins(now)) {
        held_.clear();
        state_.tell(suspect_network(suspicion_));
        ask_others();
    }
    const auto held_until = silent ? suspicion_.hold(now) : std::nullopt;
    if (held_until) held_.push_back(backend);
    const bool recovers = event.healthy && record.health == Health::down;
    on_verdict(place->service->state, place->backend, event, now, held_until);
    state_.note_transition(stats, event.healthy ? Transition::Kind::up : Transition::Kind::down, event.reason,
                           met);
    if (recovers && record.ejected) outliers_.on_recovery(*place);
    state_.agenda.wake(place->service->state.id);
}

void HealthInbox::fold(const Restart& restart, TimePoint now) {
    const auto place = state_.registry.find_backend(restart.backend);
    if (!place) return;
    state_.tell(restarted(place->service->state, place->backend));
    on_restart(place->service->state, place->backend, restart.opened, now);
    state_.agenda.wake(place->service->state.id);
}

/// What a check says of the network between this machine and others.
void HealthInbox::judge_network(const Place& place, const ProbeResult& result, TimePoint now) {
    if (result.outcome == ProbeOutcome::not_probed) return;
    const HealthCheck& check = place.service->state.service->health_check;
    BackendStats& stats = place.stats();
    const bool was_silent = std::exchange(stats.is_silent, result.outcome == ProbeOutcome::no_answer);
    if (stats.is_silent ? was_silent : !reached_its_machine(check, result.outcome)) return;
    if (is_ours(place)) return;
    if (!stats.is_silent) {
        answering_.insert(stats.id);
        if (suspicion_.on_answer(now, was_silent)) release_held(place, now);
        return;
    }
    answering_.erase(stats.id);
    suspicion_.on_silence({.service = place.service->state.id,
                           .backend = place.config().name,
                           .address = place.config().endpoint.address,
                           .asked_at = now - result.latency,
                           .round = check.fast_interval + check.timeout});
}

/// Has some probed at once that answered when they were last asked: if one of them still does, our network
/// works. A checker asks at once only what is up.
void HealthInbox::ask_others() {
    std::size_t left = kAskedAtOnce;
    for (auto next = answering_.begin(); next != answering_.end() && left > 0;) {
        const BackendId id = *next++;
        const auto place = state_.registry.find_backend(id);
        if (!place) answering_.erase(id);
        if (!place || place->record().health != Health::up) continue;
        state_.on_suspect(id);
        --left;
    }
}

/// `answered`: a backend on another machine that did.
void HealthInbox::release_held(const Place& answered, TimePoint now) {
    state_.tell(network_cleared(answered.service->state, answered.backend));
    for (const BackendId id : std::exchange(held_, {})) {
        const auto place = state_.registry.find_backend(id);
        if (!place) continue;
        on_network_cleared(place->service->state, place->backend, now);
        state_.agenda.wake(place->service->state.id);
    }
    state_.wake();
}

void HealthInbox::keep_house(TimePoint now) {
    const auto stays = [this](BackendId id) {
        const auto place = state_.registry.find_backend(id);
        return place && !place->record().removing;
    };
    for (const Event& event : uncheckable_.take_due(now, stays)) state_.tell(event);
}

void HealthInbox::review() {
    std::erase_if(never_checked_, [&](BackendId backend) {
        const auto place = state_.registry.find_backend(backend);
        return !place || place->record().removing ||
               place->service->state.service->health_check.type == CheckType::none;
    });
}

}  // namespace reseat::lb
