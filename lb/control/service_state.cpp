// SPDX-License-Identifier: Apache-2.0
#include "lb/control/service_state.hpp"

namespace reseat::lb {

ServiceState initial_state(const Service& service, ServiceId id) {
    ServiceState state{.service = &service, .id = id};
    for (const Backend& backend : service.backends) {
        BackendRecord record;
        record.operator_state = backend.state;
        if (service.health_check.type == CheckType::none) record.health = Health::up;
        state.backends.push_back(std::move(record));
    }
    return state;
}

SocketFate fate_of(const Connections& connections, ProbeOutcome evidence) {
    switch (evidence) {
        case ProbeOutcome::no_answer:
            return connections.on_unreachable;
        case ProbeOutcome::refused:
            return connections.on_refused;
        case ProbeOutcome::answered_badly:
            return connections.on_check_failed;
        case ProbeOutcome::passed:
        case ProbeOutcome::not_probed:
            break;  // no evidence against the backend
    }
    return SocketFate::keep;
}

void on_verdict(ServiceState& state, std::size_t backend, const HealthEvent& event, TimePoint now) {
    BackendRecord& record = state.backends.at(backend);
    const Connections& connections = state.service->connections;
    record.health = event.healthy ? Health::up : Health::down;
    record.evidence = event.outcome;
    if (event.healthy) return;
    ++record.down_verdicts;
    const bool at_once =
        fate_of(connections, event.outcome) == SocketFate::terminate && connections.grace == Duration::zero();
    if (!at_once || !record.life) return;
    record.life->fate = SocketFate::terminate;
    record.life->end_at = now;
    record.life->end_cause = EndCause::verdict;
}

void on_operator(ServiceState& state, std::size_t backend, OperatorState operator_state) {
    state.backends.at(backend).operator_state = operator_state;
}

void on_refused(ServiceState& state, const ServiceState& planned) {
    for (std::size_t i = 0; i < state.families.size(); ++i)
        if (state.families[i].slots != planned.families[i].slots) state.families[i].uncertain = true;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        BackendRecord& record = state.backends[i];
        for (Life& life : record.ended) life.vacated = false;
        const auto& life = planned.backends[i].life;
        if (life && (!record.life || record.life->id != life->id)) record.spare = life->id;
    }
}

Candidate candidate(const ServiceState& state, std::size_t backend) {
    const Backend& config = state.service->backends[backend];
    const BackendRecord& record = state.backends[backend];
    return {.family = config.endpoint.address.family(),
            .health = record.health,
            .operator_state = record.operator_state,
            .weight = config.weight,
            .priority = config.priority,
            .last_healthy = record.last_healthy};
}

bool has_eligible(const ServiceState& state, Family family) {
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const Candidate one = candidate(state, i);
        if (one.family == family && is_eligible(one)) return true;
    }
    return false;
}

unsigned eligible_count(const ServiceState& state) {
    unsigned count = 0;
    for (std::size_t i = 0; i < state.backends.size(); ++i) count += is_eligible(candidate(state, i));
    return count;
}

}  // namespace reseat::lb
