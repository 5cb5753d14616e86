// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/check_modes.hpp"
#include "lb/control/controller/controller_impl.hpp"

#include <algorithm>
#include <iterator>

namespace reseat::lb {
namespace {

bool serves_otherwise(const ServiceState& before, const ServiceState& after) {
    return !std::ranges::equal(before.families, after.families, {}, &FamilyState::from, &FamilyState::from);
}

}  // namespace

void Controller::Impl::commit(std::vector<ServiceDecision>& decisions, const Plan& plan, TimePoint now) {
    std::vector<Event> consequences;
    for (auto& [id, decision] : decisions) {
        TrackedService& service = *registry.find(id);
        if (serves_otherwise(service.state, decision.after)) coalescer.hurry(*service.state.service);
        std::ranges::move(losses(service.state, decision.after), std::back_inserter(consequences));
        std::ranges::move(ends_of_panic(service.state, decision.after), std::back_inserter(consequences));
        service.state = std::move(decision.after);
        agenda.done(id, decision.next);
        note_lives(service, now);
        tell_check_modes(service);
    }
    for (const LifeId life : plan.resume) {
        runner.withdraw(life);
        drain_watcher.forget(life);
    }
    for (const auto& [id, decision] : decisions)
        for (const DueOrder& due : decision.orders) order(*registry.find(id), due, now);
    end_untracked();
    announce(true);
    for (Event& event : consequences) coalescer.tell_consequence(std::move(event));
    for (const LifeId life : plan.retire) {
        registry.forget_life(life);
        coalescer.forget(life);
        drain_watcher.forget(life);
        reasons.erase(life);
        denied.erase(life);
    }
    for (const auto& [id, decision] : decisions) forget_gone(*registry.find(id));
}

/// Lives that are to go away are looked at until they are vacated.
void Controller::Impl::note_lives(const TrackedService& service, TimePoint now) {
    for (std::size_t i = 0; i < service.state.backends.size(); ++i) {
        const BackendRecord& record = service.state.backends[i];
        const bool keeps_udp = service.state.service->protocol == Protocol::udp &&
                               service.state.service->connections.udp == UdpFate::keep;
        if (record.life) {
            registry.note_life(record.life->id, service.stats[i].id);
            if (record.removing) drain_watcher.watch(record.life->id, false, now);
        }
        for (const Life& life : record.ended) {
            registry.note_life(life.id, service.stats[i].id);
            drain_watcher.watch(life.id, life.ordered && !keeps_udp, now);
        }
    }
}

void Controller::Impl::tell_check_modes(TrackedService& service) {
    const std::vector<CheckMode> modes = check_modes(service.state);
    for (std::size_t i = 0; i < modes.size(); ++i) {
        BackendStats& stats = service.stats[i];
        if (std::exchange(stats.mode, modes[i]) != modes[i] && on_check_mode)
            on_check_mode(stats.id, modes[i]);
    }
}

void Controller::Impl::forget_gone(TrackedService& service) {
    const ServiceId id = service.state.id;
    if (auto rest = lb::forget_gone(service.state)) {
        take(service, std::move(*rest), next_backend);
        registry.index(service);
        targets_changed = true;
        loop.wake();
    }
    if (!service.state.removed || service.state.added || !service.state.backends.empty()) return;
    agenda.forget(id);
    registry.forget(id);
}

void Controller::Impl::announce(bool carried_out) {
    for (const Transition& transition : std::exchange(transitions, {})) {
        const auto place = registry.find_backend(transition.backend);
        if (!place) continue;
        const bool is_first = told_together.erase(transition.backend) > 0;
        if (is_first && transition.kind == Transition::Kind::up) continue;
        const ServiceState& state = place->service->state;
        Event event = headline(state, place->backend, transition);
        if (carried_out && !is_good(transition)) {
            const std::uint64_t open = transition.met ? plane.open_sockets(transition.met) : 0;
            const std::string rest = aftermath(state, place->backend, open);
            if (!rest.empty()) event.message += "; " + rest;
        }
        if (carried_out && transition.kind == Transition::Kind::up) {
            std::uint64_t open = 0;
            for (const Life& life : state.backends[place->backend].ended)
                if (life.pardoned) open += plane.open_sockets(life.id);
            if (open) event.message += "; " + pardon(open);
        }
        tell(event);
    }
}

}  // namespace reseat::lb
