// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/service_state.hpp"

#include <algorithm>
#include <array>

namespace reseat::lb {

bool FamilyState::has(LifeId life) const {
    return std::ranges::find(shares.lives, life, &Share::life) != shares.lives.end();
}

BackendRecord initial_record(const Service& service, const Backend& backend) {
    BackendRecord record;
    record.operator_state = backend.state;
    record.weight = backend.weight;
    record.standing = backend.standing;
    if (service.health_check.type == CheckType::none) record.health = Health::up;
    return record;
}

ServiceState initial_state(std::shared_ptr<const Service> service, ServiceId id) {
    ServiceState state{.service = std::move(service), .id = id};
    for (const Backend& backend : state.service->backends)
        state.backends.push_back(initial_record(*state.service, backend));
    for (BackendRecord& record : state.backends) record.starting = true;
    return state;
}

Candidate candidate(const ServiceState& state, std::size_t backend) {
    const Backend& config = state.service->backends[backend];
    const BackendRecord& record = state.backends[backend];
    return {.family = config.endpoint.address.family(),
            .health = record.health,
            .operator_state = record.operator_state,
            .weight = record.weight,
            .priority = config.priority,
            .last_healthy = record.last_healthy,
            .barred = record.removing || !record.denied_by.empty(),
            .ejected = record.ejected,
            .standing = record.standing};
}

bool has_eligible(const ServiceState& state, Family family) {
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const Candidate one = candidate(state, i);
        if (one.family == family && is_eligible(one)) return true;
    }
    return false;
}

bool has_alternative(const ServiceState& state, Family family) {
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const Candidate one = candidate(state, i);
        if (one.family == family && (is_eligible(one) || is_reserve(one)) && !state.backends[i].presumed)
            return true;
    }
    return false;
}

double effective_weight(const ServiceState& state, std::size_t backend) {
    const BackendRecord& record = state.backends[backend];
    const Family family = state.service->backends[backend].endpoint.address.family();
    if (!record.life || !state.family(family).has(record.life->id)) return 0;
    return static_cast<double>(record.weight * record.tenths) / kFullTenths;
}

std::vector<OperatorOverride> overrides_of(const ServiceState& state) {
    std::vector<OperatorOverride> overrides;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const Backend& config = state.service->backends[i];
        const BackendRecord& record = state.backends[i];
        if (record.removing || (record.operator_state == config.state && record.weight == config.weight))
            continue;
        overrides.push_back(
            {config.endpoint, record.operator_state, config.state, record.weight, config.weight});
    }
    return overrides;
}

bool may_return(const ServiceState& state, std::size_t backend) {
    return !state.removed && may_be_used(candidate(state, backend)) &&
           state.service->health_check.type != CheckType::none;
}

unsigned eligible_count(const ServiceState& state) {
    unsigned count = 0;
    for (std::size_t i = 0; i < state.backends.size(); ++i) count += is_eligible(candidate(state, i));
    return count;
}

bool other_family_serves(const ServiceState& state, Family family) {
    const Family other = family == Family::v4 ? Family::v6 : Family::v4;
    const auto is_other = [other](const Endpoint& address) { return address.address.family() == other; };
    return std::ranges::any_of(state.service->addresses, is_other) && has_eligible(state, other);
}

namespace {

/// Two witnesses are enough: its source, and one check.
bool is_doubted(const Backend& config, const BackendRecord& record) {
    return record.standing != Standing::ready || config.held || (record.removing && !config.source.empty());
}

}  // namespace

std::vector<CheckMode> check_modes(const ServiceState& state) {
    const std::array served = {has_eligible(state, Family::v4), has_eligible(state, Family::v6)};
    std::vector<CheckMode> modes;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const BackendRecord& record = state.backends[i];
        const Candidate one = candidate(state, i);
        const bool wanted = may_be_used(one) && one.health != Health::up;
        const bool awaited = std::ranges::any_of(record.ended, &Life::waiting);
        modes.push_back({.urgent = wanted && (awaited || !served[static_cast<std::size_t>(one.family)]),
                         .doubted = is_doubted(state.service->backends[i], record),
                         .watchable = record.operator_state == OperatorState::ready && !record.removing});
    }
    return modes;
}

}  // namespace reseat::lb
