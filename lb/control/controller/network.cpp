// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/events.hpp"
#include "lb/health/own_address.hpp"

namespace reseat::lb {
namespace {

constexpr std::size_t kAskedAtOnce = 8;

/// Whether a check that was not answered with silence shows that its machine was reached. A command may look
/// at anything; a UDP check that expects nothing passes where nothing comes.
bool reached_its_machine(const HealthCheck& check, ProbeOutcome outcome) {
    if (check.type == CheckType::exec) return false;
    return check.type != CheckType::udp || outcome != ProbeOutcome::passed || !check.udp.expect.empty();
}

}  // namespace

/// What a check says of the network between this machine and others.
void Controller::Impl::judge_network(const Place& place, const ProbeResult& result, TimePoint now) {
    if (result.outcome == ProbeOutcome::not_probed) return;
    const Service& service = *place.service->state.service;
    const HealthCheck& check = service.health_check;
    BackendStats& stats = place.stats();
    const bool was_silent = std::exchange(stats.is_silent, result.outcome == ProbeOutcome::no_answer);
    if (stats.is_silent ? was_silent : !reached_its_machine(check, result.outcome)) return;
    if (is_ours(place)) return;
    if (!stats.is_silent) {
        answering.insert(stats.id);
        if (suspicion.on_answer(now, was_silent)) release_held(place, now);
        return;
    }
    answering.erase(stats.id);
    suspicion.on_silence({.service = place.service->state.id,
                          .backend = place.config().name,
                          .address = place.config().endpoint.address,
                          .asked_at = now - result.latency,
                          .round = check.fast_interval + check.timeout});
}

/// Whether what is checked of this backend is on this machine.
bool Controller::Impl::is_ours(const Place& place) {
    BackendStats& stats = place.stats();
    const Address checked =
        checked_endpoint(place.service->state.service->health_check, place.config()).address;
    if (stats.checked_address != checked) {
        stats.checked_address = checked;
        stats.is_ours = is_own_address(checked);
    }
    return stats.is_ours;
}

/// Has some probed at once that answered when they were last asked: if one of them still does, our network
/// works.
void Controller::Impl::ask_others() {
    std::size_t left = kAskedAtOnce;
    for (auto next = answering.begin(); next != answering.end() && left > 0;) {
        const BackendId id = *next++;
        const auto place = registry.find_backend(id);
        if (!place) {
            answering.erase(id);
            continue;
        }
        if (place->record().health != Health::up) continue;  // a checker asks at once only what is up
        if (on_suspect) on_suspect(id);
        --left;
    }
}

/// `answered`: a backend on another machine that did.
void Controller::Impl::release_held(const Place& answered, TimePoint now) {
    tell(network_cleared(answered.service->state, answered.backend));
    for (const BackendId id : std::exchange(held, {})) {
        const auto place = registry.find_backend(id);
        if (!place) continue;
        on_network_cleared(place->service->state, place->backend, now);
        agenda.wake(place->service->state.id);
    }
    loop.wake();
}

}  // namespace reseat::lb
