// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/events.hpp"

#include "lb/control/plan/fate.hpp"

#include <algorithm>
#include <utility>

namespace reseat::lb {
namespace {

void end_now(Life& life, EndCause cause, TimePoint now) {
    life.fate = SocketFate::terminate;
    life.end_at = now;
    life.end_cause = cause;
}

}  // namespace

void on_verdict(ServiceState& state, std::size_t backend, const HealthEvent& event, TimePoint now,
                std::optional<TimePoint> held_until) {
    BackendRecord& record = state.backends.at(backend);
    const Connections& connections = state.service->connections;
    record.health = event.healthy ? Health::up : Health::down;
    record.evidence = event.outcome;
    record.presumed = false;
    record.held_until = held_until;
    if (event.healthy) return;
    record.was_eligible = false;
    ++record.verdicts_against;
    const bool at_once = fate_of(connections, event.outcome) == SocketFate::terminate && !held_until &&
                         connections.grace == Duration::zero();
    if (at_once && record.life) end_now(*record.life, EndCause::verdict, now);
}

void on_network_cleared(ServiceState& state, std::size_t backend, TimePoint now) {
    BackendRecord& record = state.backends.at(backend);
    if (!record.held_until || *record.held_until <= now) return;
    record.held_until.reset();
    if (record.life) record.life->fate.reset();
}

void on_restart(ServiceState& state, std::size_t backend, TimePoint opened, TimePoint now) {
    if (state.service->connections.on_restarted != SocketFate::terminate) return;
    BackendRecord& record = state.backends.at(backend);
    for (Life& life : record.ended) {
        if (life.ordered || life.since > opened) continue;
        life.forgotten = true;
        life.kept = false;
        life.end_cause = EndCause::restarted;
    }
    if (record.life && record.life->since <= opened) end_now(*record.life, EndCause::restarted, now);
}

void on_operator(ServiceState& state, std::size_t backend, OperatorState operator_state) {
    state.backends.at(backend).operator_state = operator_state;
}

void on_weight(ServiceState& state, std::size_t backend, unsigned weight) {
    state.backends.at(backend).weight = weight;
}

void on_ejection(ServiceState& state, std::size_t backend, bool ejected) {
    BackendRecord& record = state.backends.at(backend);
    if (ejected && !record.ejected) ++record.verdicts_against;
    record.ejected = ejected;
}

std::vector<LifeId> on_termination(ServiceState& state, std::size_t backend, TimePoint now) {
    BackendRecord& record = state.backends.at(backend);
    std::vector<LifeId> lives;
    for (Life& life : record.ended) {
        life.must_end = true;
        if (std::exchange(life.kept, false)) life.end_cause = EndCause::commanded;
        if (!life.ordered) lives.push_back(life.id);
    }
    if (!record.life) return lives;
    end_now(*record.life, EndCause::commanded, now);
    record.life->must_end = true;
    lives.push_back(record.life->id);
    return lives;
}

bool on_quiet_look(ServiceState& state, std::size_t backend, LifeId life, Duration took, TimePoint now) {
    constexpr Duration shortest = std::chrono::milliseconds(50);
    constexpr int rest = 9;  // a tenth of a core at the most
    const auto& current = state.backends.at(backend).life;
    if (!current || current->id != life || !current->end_quiet_at) return false;
    const Duration quarter = state.service->connections.drain_quiet / 4;
    const TimePoint next = now + std::max({shortest, quarter, rest * took});
    if (next >= *current->end_quiet_at) return false;
    state.backends[backend].life->end_quiet_at = next;
    return true;
}

bool on_policies(ServiceState& state, const std::vector<AccessPolicy>& policies) {
    bool changed = false;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const Endpoint& endpoint = state.service->backends[i].endpoint;
        const AccessPolicy* denial = denied_by(policies, endpoint, state.service->protocol);
        const std::string name = denial ? denial->name : "";
        const bool end = denial && denial->existing == ExistingSockets::terminate;
        BackendRecord& record = state.backends[i];
        changed |= record.denied_by != name || record.denied_sockets_end != end;
        record.denied_by = name;
        record.denied_sockets_end = end;
    }
    return changed;
}

void on_refused(ServiceState& state, const ServiceState& planned) {
    for (std::size_t i = 0; i < state.families.size(); ++i)
        if (state.families[i].shares != planned.families[i].shares) state.families[i].uncertain = true;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        BackendRecord& record = state.backends[i];
        if (record.life) record.life->vacated = false;
        for (Life& life : record.ended) life.vacated = false;
        const auto& life = planned.backends[i].life;
        if (life && (!record.life || record.life->id != life->id)) record.spare = life->id;
    }
}

}  // namespace reseat::lb
