// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/publisher.hpp"

namespace reseat::lb {

Publisher::Publisher(ControlState& state, const OrderRunner& runner)
    : state_(state), next_life_(state.plane.first_unused_life()), drain_watcher_(state.plane, runner) {}

Result<void> Publisher::publish_undoing() {
    if (auto done = publish(undoing_); !done) return done;
    undoing_ = {};
    return {};
}

/// What is retired is still counted.
Result<void> Publisher::publish(const Plan& plan) {
    if (plan.empty()) return {};
    std::vector<ConnectCounts> counts;
    for (const LifeId life : plan.retire) counts.push_back(count_connects(state_.plane, life));
    if (auto done = state_.plane.publish(plan); !done) return done;
    for (std::size_t i = 0; i < plan.retire.size(); ++i)
        if (const auto place = state_.registry.find_life(plan.retire[i])) place->stats().retired += counts[i];
    return {};
}

void Publisher::undo(const Plan& plan) {
    for (const LifeSpec& begun : plan.begin) {
        undoing_.condemn.push_back(begun.life);
        undoing_.retire.push_back(begun.life);
    }
    for (const auto* moved : {&plan.drain, &plan.resume, &plan.condemn})
        for (const LifeId life : *moved) {
            const auto place = state_.registry.find_life(life);
            if (!place || !place->record().life || place->record().life->id != life) continue;
            const bool serves = place->record().life->state == Life::State::serving;
            (serves ? undoing_.resume : undoing_.drain).push_back(life);
        }
}

void Publisher::doubt(const Plan& refused) {
    for (const LifeId life : refused.retire) drain_watcher_.doubt(life);
}

void Publisher::note_lives(const TrackedService& service, TimePoint now) {
    const bool keeps_udp = service.state.service->protocol == Protocol::udp &&
                           service.state.service->connections.udp == UdpFate::keep;
    for (std::size_t i = 0; i < service.state.backends.size(); ++i) {
        const BackendRecord& record = service.state.backends[i];
        if (record.life) {
            state_.registry.note_life(record.life->id, service.stats[i].id);
            if (record.removing) drain_watcher_.watch(record.life->id, false, now);
        }
        for (const Life& life : record.ended) {
            state_.registry.note_life(life.id, service.stats[i].id);
            drain_watcher_.watch(life.id, life.ordered && !keeps_udp, now);
        }
    }
}

std::vector<LifeId> Publisher::look_for_vacated(TimePoint now) {
    DrainWatcher::Found found = drain_watcher_.look(now);
    for (const LifeId life : found.vacated) {
        const auto place = state_.registry.find_life(life);
        if (!place) continue;
        BackendRecord& record = place->record();
        if (record.life && record.life->id == life) {
            record.life->vacated = record.removing;
            if (!record.removing) drain_watcher_.forget(life);  // its backend came back
        }
        for (Life& ended : record.ended)
            if (ended.id == life) ended.vacated = true;
        state_.agenda.wake(place->service->state.id);
    }
    return std::move(found.hanging);
}

}  // namespace reseat::lb
