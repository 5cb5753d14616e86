// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/reconfigure.hpp"

#include <algorithm>
#include <map>

namespace reseat::lb {
namespace {

using Positions = std::map<Endpoint, std::size_t>;

Positions positions(const std::vector<Backend>& backends) {
    Positions found;
    for (std::size_t i = 0; i < backends.size(); ++i) found.emplace(backends[i].endpoint, i);
    return found;
}

/// Builds a state backend by backend.
class Builder {
public:
    Builder(const ServiceState& before, Service without_backends) : before_(before) {
        made_.state = before;
        made_.state.backends.clear();
        service_ = std::move(without_backends);
        service_.backends.clear();
    }

    void add(Backend config, BackendRecord record, std::optional<std::size_t> origin) {
        service_.backends.push_back(std::move(config));
        made_.state.backends.push_back(std::move(record));
        made_.origins.push_back(origin);
    }

    /// `backend` of the former state left the configuration.
    void add_removing(std::size_t backend) {
        BackendRecord record = before_.backends[backend];
        record.removing = true;
        if (!record.is_gone()) add(before_.service->backends[backend], std::move(record), backend);
    }

    Reconfigured take() {
        made_.state.service = std::make_shared<const Service>(std::move(service_));
        return std::move(made_);
    }

private:
    const ServiceState& before_;
    Reconfigured made_;
    Service service_;
};

/// Health outlives other settings of its check, but not the check itself.
Health known_health(const Service& before, const Service& now, Health health) {
    const bool was_checked = before.health_check.type != CheckType::none;
    const bool is_checked = now.health_check.type != CheckType::none;
    if (!is_checked) return Health::up;
    return was_checked ? health : Health::unchecked;
}

BackendRecord kept_record(const ServiceState& before, std::size_t backend, const Service& configured,
                          const Backend& now) {
    BackendRecord record = before.backends[backend];
    record.removing = false;
    if (record.life) record.life->vacated = false;
    record.health = known_health(*before.service, configured, record.health);
    record.standing = now.standing;
    const Backend& was = before.service->backends[backend];
    if (was.state != now.state) record.operator_state = now.state;
    if (was.weight != now.weight) record.weight = now.weight;
    return record;
}

/// Another one has the address: nothing that is known of the one before is true of it, and what is still
/// connected to that one is lost.
BackendRecord replaced_record(const BackendRecord& before, const Service& configured, const Backend& now) {
    BackendRecord record = initial_record(configured, now);
    record.ended = before.ended;
    record.life = before.life;
    record.spare = before.spare;
    if (record.life) {
        record.life->end_at = TimePoint{};
        record.life->end_cause = EndCause::replaced;
    }
    for (Life& life : record.ended) life.kept = false;
    const auto lose = [](Life& life) {
        life.must_end = true;
        life.forgotten = true;
    };
    if (record.life) lose(*record.life);
    std::ranges::for_each(record.ended, lose);
    return record;
}

bool is_replaced(const Backend& before, const Backend& now) {
    return !before.incarnation.empty() && !now.incarnation.empty() && before.incarnation != now.incarnation;
}

void obey(const OperatorOverride& word, const Backend& now, BackendRecord& record) {
    if (word.configured_state == now.state) record.operator_state = word.state;
    if (word.configured_weight == now.weight) record.weight = word.weight;
}

}  // namespace

Reconfigured reconfigure(const ServiceState& before, const Service& configured) {
    Builder builder(before, configured);
    const Positions former = positions(before.service->backends);
    std::vector<bool> stays(before.backends.size());
    for (const Backend& backend : configured.backends) {
        const auto found = former.find(backend.endpoint);
        if (found == former.end()) {
            builder.add(backend, initial_record(configured, backend), std::nullopt);
            continue;
        }
        const std::size_t i = found->second;
        stays[i] = true;
        if (is_replaced(before.service->backends[i], backend)) {
            builder.add(backend, replaced_record(before.backends[i], configured, backend), std::nullopt);
            continue;
        }
        builder.add(backend, kept_record(before, i, configured, backend), i);
    }
    for (std::size_t i = 0; i < stays.size(); ++i)
        if (!stays[i]) builder.add_removing(i);
    Reconfigured made = builder.take();
    made.state.removed = false;
    made.state.changed |= configured.addresses != before.service->addresses ||
                          configured.lb_policy != before.service->lb_policy ||
                          configured.hash_key != before.service->hash_key;
    return made;
}

Reconfigured remove(const ServiceState& before) {
    Service service = *before.service;
    service.addresses.clear();
    Builder builder(before, std::move(service));
    for (std::size_t i = 0; i < before.backends.size(); ++i) builder.add_removing(i);
    Reconfigured made = builder.take();
    made.state.removed = true;
    return made;
}

std::optional<Reconfigured> forget_gone(const ServiceState& before) {
    if (std::ranges::none_of(before.backends, &BackendRecord::is_gone)) return std::nullopt;
    Builder builder(before, *before.service);
    for (std::size_t i = 0; i < before.backends.size(); ++i)
        if (!before.backends[i].is_gone()) builder.add(before.service->backends[i], before.backends[i], i);
    return builder.take();
}

ServiceState inherit(const Service* configured, const ServiceSpec& spec, std::vector<Inheritance::Life> lives,
                     std::vector<OperatorOverride> overrides) {
    Service service = configured ? *configured : Service{.name = spec.name, .protocol = spec.protocol};
    if (!configured) service.health_check.type = CheckType::none;  // there is no way to check it
    Positions known = positions(service.backends);
    const std::size_t configured_backends = service.backends.size();
    for (const auto& life : lives) {
        const Endpoint& endpoint = life.spec.backend;
        if (!known.emplace(endpoint, service.backends.size()).second) continue;
        service.backends.push_back({.name = to_string(endpoint), .endpoint = endpoint});
    }
    ServiceState state = initial_state(std::make_shared<const Service>(std::move(service)), spec.id);
    state.added = true;
    state.removed = !configured;
    state.changed =
        configured && (configured->addresses != spec.addresses || configured->lb_policy != spec.lb_policy ||
                       configured->hash_key != spec.hash_key);
    for (std::size_t i = configured_backends; i < state.backends.size(); ++i)
        state.backends[i].removing = true;
    for (const OperatorOverride& word : overrides)
        if (const auto place = known.find(word.backend);
            place != known.end() && place->second < configured_backends)
            obey(word, state.service->backends[place->second], state.backends[place->second]);
    state.overrides = std::move(overrides);

    std::ranges::sort(lives, {}, [](const auto& life) { return life.spec.life; });
    for (const auto& left : lives) {
        BackendRecord& record = state.backends[known.at(left.spec.backend)];
        Life life{.id = left.spec.life, .has_served = false, .end_cause = EndCause::inherited};
        if (left.state == Inheritance::State::condemned) {
            life.state = Life::State::condemned;
            record.ended.push_back(std::move(life));
            continue;
        }
        if (left.state == Inheritance::State::draining) life.state = Life::State::draining;
        if (record.life) {
            // Only what was spared and kept drains beside a newer life.
            record.life->kept = record.life->state == Life::State::draining;
            record.ended.push_back(*std::exchange(record.life, std::nullopt));
        }
        record.life = std::move(life);
    }
    if (lives.empty() || state.service->health_check.type == CheckType::none) return state;
    for (BackendRecord& record : state.backends) {
        const bool serves = record.life && record.life->state == Life::State::serving;
        record.health = serves ? Health::up : Health::down;
        record.presumed = serves;
    }
    return state;
}

}  // namespace reseat::lb
