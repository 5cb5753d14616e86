// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/service_state.hpp"
#include "lb/control/report/wording.hpp"

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
        TrackedService& service = *state.registry.find(id);
        if (serves_otherwise(service.state, decision.after)) orders.hurry(*service.state.service);
        std::ranges::move(losses(service.state, decision.after), std::back_inserter(consequences));
        std::ranges::move(ends_of_panic(service.state, decision.after), std::back_inserter(consequences));
        service.state = std::move(decision.after);
        state.agenda.done(id, decision.next);
        publisher.note_lives(service, now);
        tell_check_modes(service);
    }
    for (const LifeId life : plan.resume) {
        orders.withdraw(life);
        publisher.forget(life);
    }
    for (const auto& [id, decision] : decisions)
        for (const DueOrder& due : decision.orders) orders.give(*state.registry.find(id), due, now);
    orders.end_untracked();
    announce(true);
    for (Event& event : consequences) orders.tell_consequence(std::move(event));
    for (const LifeId life : plan.retire) {
        state.registry.forget_life(life);
        publisher.forget(life);
        orders.forget(life);
    }
    for (const auto& [id, decision] : decisions) forget_gone(*state.registry.find(id));
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
        state.registry.index(service);
        targets_changed = true;
        loop.wake();
    }
    if (!service.state.removed || service.state.added || !service.state.backends.empty()) return;
    state.agenda.forget(id);
    state.registry.forget(id);
}

void Controller::Impl::announce(bool carried_out) {
    for (const Transition& transition : std::exchange(state.transitions, {})) {
        const auto place = state.registry.find_backend(transition.backend);
        if (!place || health.is_summarized(transition)) continue;
        const ServiceState& service = place->service->state;
        Event event = headline(service, place->backend, transition);
        if (carried_out && !is_good(transition)) {
            const std::uint64_t open = transition.met ? state.plane.open_sockets(transition.met) : 0;
            const std::string rest = aftermath(service, place->backend, open);
            if (!rest.empty()) event.message += "; " + rest;
        }
        if (carried_out && transition.kind == Transition::Kind::up) {
            std::uint64_t open = 0;
            for (const Life& life : service.backends[place->backend].ended)
                if (life.kept) open += state.plane.open_sockets(life.id);
            if (open) event.message += "; " + spared_kept(open);
        }
        state.tell(event);
    }
}

}  // namespace reseat::lb
