// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/life_table.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

Error refused(const std::string& what) {
    return {ErrorCode::failed, what};
}

}  // namespace

LifeTable::LifeTable(MapSet& maps, GracePeriod& grace)
    : maps_(maps),
      grace_(grace),
      services_(maps, grace),
      peers_(maps.fd("lb_peers")),
      overrides_(maps.fd("lb_words")),
      predecessors_(maps.backends),
      elements_(maps.sizes().backends) {}

Result<void> LifeTable::restore(const MapSnapshot& known) {
    first_unused_ = known.next_life;
    first_unused_service_ = known.next_service;
    if (auto done = remember_ids({}); !done) return done;
    std::vector<std::uint32_t> taken;
    for (const auto& life : known.lives) {
        taken.push_back(life.element);
        lb_backend& element = maps_.backends[life.element];
        element = life.old;
        element.open = element.connects = element.left = LB_COUNTED_APART;
        maps_.outcomes[life.element] = {.life = life.spec.life};
        lives_[life.spec.life] = {life.element, life.spec};
        of_service_[life.spec.service].insert(life.spec.life);
        if (element.state != LB_LIFE_ELIGIBLE) leaving_.insert(life.spec.life);
    }
    elements_.begin_with(taken);
    if (auto done = services_.restore(known.services); !done) return done;
    for (const auto& life : known.lives) {
        services_.life_began(life.spec.service);
        if (auto noted = note(life.spec); !noted) return noted;
    }
    std::ranges::for_each(known.overrides, [this](const auto& overrides) { keep(overrides); });
    return {};
}

void LifeTable::keep_current(MapSnapshot& read) const {
    std::unordered_set<lb::ServiceId> used;
    std::erase_if(read.lives, [&](const auto& life) { return !lives_.contains(life.spec.life); });
    for (const auto& life : read.lives) used.insert(life.spec.service);
    std::erase_if(read.services, [&](const MapSnapshot::Service& service) {
        return service.spec.addresses.empty() && !used.contains(service.spec.id);
    });
}

std::optional<std::uint32_t> LifeTable::index_of(lb::LifeId life) const {
    const auto found = lives_.find(life);
    return found == lives_.end() ? std::nullopt : std::optional(found->second.element);
}

MapSizes LifeTable::needed(const lb::Plan& plan) const {
    MapSizes need = services_.needed(plan);
    const auto lives = static_cast<std::uint32_t>(std::ranges::count_if(
        plan.begin, [&](const lb::LifeSpec& life) { return !lives_.contains(life.life); }));
    if (lives > elements_.left()) need.backends += lives - elements_.left();
    return need;
}

std::vector<lb::LifeId> LifeTable::all() const {
    std::vector<lb::LifeId> found;
    for (const auto& [life, place] : lives_) found.push_back(life);
    return found;
}

std::vector<lb::LifeId> LifeTable::without_new_sockets() const {
    std::vector<lb::LifeId> found;
    for (const lb::LifeId life : leaving_) {
        const std::uint32_t index = lives_.at(life).element;
        const lb_backend& element = maps_.backends[index];
        const bool leaves = element.state == LB_LIFE_CONDEMNED || element.endpoint.protocol == IPPROTO_UDP;
        if (leaves && predecessors_.open(index) > 0) found.push_back(life);
    }
    return found;
}

std::vector<FiledLife> LifeTable::leaving_udp() const {
    std::vector<FiledLife> found;
    for (const lb::LifeId life : leaving_) {
        const std::uint32_t index = lives_.at(life).element;
        if (maps_.backends[index].endpoint.protocol == IPPROTO_UDP) found.push_back({index, life});
    }
    return found;
}

Result<void> LifeTable::check(const lb::Plan& plan) const {
    if (!needed(plan).fits(maps_.sizes())) return refused("the BPF maps have no room for this configuration");
    std::unordered_set<lb::ServiceId> services;
    std::unordered_set<lb::LifeId> lives;
    for (const auto* list : {&plan.add_services, &plan.change_services})
        for (const auto& service : *list) {
            if (service.id == 0) return refused("0 is not a service id");
            if (service.name.size() >= LB_NAME_SIZE)
                return refused("the name of service " + service.name + " is longer than " +
                               std::to_string(LB_NAME_SIZE - 1) + " bytes");
            services.insert(service.id);
        }
    for (const auto& life : plan.begin) {
        if (!services.contains(life.service) && !services_.find(life.service))
            return refused("a life of an unknown service");
        lives.insert(life.life);
    }
    for (const auto& table : plan.tables) {
        if (!services.contains(table.service) && !services_.find(table.service))
            return refused("a table of an unknown service");
        for (const lb::LifeId life : table.slots)
            if (!lives.contains(life) && !lives_.contains(life))
                return refused("a table with an unknown life");
    }
    return {};
}

Result<void> LifeTable::publish(const lb::Plan& plan) {
    if (auto fine = check(plan); !fine) return fine;
    if (auto done = remember_ids(plan); !done) return done;
    for (const auto& service : plan.add_services)
        if (auto done = services_.introduce(service); !done) return done;
    for (const auto& service : plan.change_services)
        if (auto done = change(service); !done) return done;
    for (const auto& life : plan.begin)
        if (auto begun = begin(life); !begun) return begun;
    // Before the tables, as a life begins before: a sender that a table sends there may stay.
    for (const lb::LifeId life : plan.resume) set_state(life, LB_LIFE_ELIGIBLE);
    for (const auto& table : plan.tables)
        if (auto done = publish_table(table); !done) return done;
    for (const lb::LifeId life : plan.drain) set_state(life, LB_LIFE_DRAINING);
    for (const lb::LifeId life : plan.condemn) set_state(life, LB_LIFE_CONDEMNED);
    // First all that services get, then what they lose: an address that changes its service always has one.
    for (const auto* list : {&plan.add_services, &plan.change_services})
        for (const auto& service : *list)
            if (auto done = services_.publish_addresses(service); !done) return done;
    for (const auto& service : plan.change_services) services_.drop_addresses(service.id);
    for (const lb::LifeId life : plan.retire) retire(life);
    std::ranges::for_each(plan.overrides, [this](const auto& overrides) { keep(overrides); });
    for (const lb::ServiceId service : plan.remove_services) services_.remove(service);
    return {};
}

/// Before any of them is used: an id must never come twice, even if we end right here.
Result<void> LifeTable::remember_ids(const lb::Plan& plan) {
    for (const auto& life : plan.begin) first_unused_ = std::max(first_unused_, life.life + 1);
    for (const auto& service : plan.add_services)
        first_unused_service_ = std::max(first_unused_service_, service.id + 1);
    const lb_meta meta{.abi_version = LB_ABI_VERSION,
                       .owner_version = LB_OWNER_VERSION,
                       .next_life = first_unused_,
                       .next_service = first_unused_service_,
                       .pad = 0};
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(maps_.fd("lb_meta"), &zero, &meta, BPF_ANY))
        return system_error("lb_meta", errno);
    return {};
}

Result<void> LifeTable::change(const lb::ServiceSpec& service) {
    const lb::ServiceSpec* known = services_.find(service.id);
    const bool moved = !known || known->addresses != service.addresses;
    if (auto done = services_.introduce(service); !done) return done;
    if (!moved) return {};
    const auto known_lives = of_service_.find(service.id);
    if (known_lives == of_service_.end()) return {};
    for (const lb::LifeId id : known_lives->second) {
        const lb::LifeSpec& life = lives_.at(id).spec;
        if (auto done = peers_.redial(life.service, endpoint_of(life), dialled_for(life)); !done) return done;
    }
    return {};
}

Result<void> LifeTable::begin(const lb::LifeSpec& life) {
    if (lives_.contains(life.life)) return {};  // of a plan that is tried again
    if (auto noted = note(life); !noted) return noted;
    const Place place{elements_.take(), life};
    lb_backend& element = maps_.backends[place.element];
    element = {};
    element.endpoint = endpoint_of(life);
    element.service = life.service;
    element.state = LB_LIFE_ELIGIBLE;
    maps_.outcomes[place.element] = {.life = life.life};
    __atomic_store_n(&element.life, life.life, __ATOMIC_RELEASE);
    lives_[life.life] = place;
    of_service_[life.service].insert(life.life);
    services_.life_began(life.service);
    return {};
}

lb_endpoint LifeTable::endpoint_of(const lb::LifeSpec& life) const {
    return to_kernel(life.backend, services_.find(life.service)->protocol);
}

/// What its clients dial; nothing: no client of its family can.
std::optional<lb_endpoint> LifeTable::dialled_for(const lb::LifeSpec& life) const {
    const lb::ServiceSpec& spec = *services_.find(life.service);
    const auto address = std::ranges::find_if(spec.addresses, [&](const Endpoint& candidate) {
        return candidate.address.family() == life.backend.address.family();
    });
    if (address == spec.addresses.end()) return std::nullopt;
    return to_kernel(*address, spec.protocol);
}

/// Late answers have the service address as long as the service has the backend, whatever its state.
Result<void> LifeTable::note(const lb::LifeSpec& life) {
    return peers_.add(life.service, endpoint_of(life), dialled_for(life));
}

Result<void> LifeTable::publish_table(const lb::Table& table) {
    std::vector<std::uint32_t> elements;
    elements.reserve(table.slots.size());
    for (const lb::LifeId life : table.slots) elements.push_back(lives_.at(life).element);
    return services_.publish_table(table.service, table.family, elements);
}

/// Of a service that is gone meanwhile nothing was kept, or what was kept goes with the set.
void LifeTable::keep(const lb::OperatorOverrides& overrides) {
    if (const lb::ServiceSpec* service = services_.find(overrides.service))
        overrides_.keep(overrides, service->protocol);
}

void LifeTable::set_state(lb::LifeId life, std::uint32_t state) {
    const auto index = index_of(life);
    if (!index) return;
    predecessors_.set_state(*index, state);
    if (state == LB_LIFE_ELIGIBLE)
        leaving_.erase(life);
    else
        leaving_.insert(life);
}

void LifeTable::retire(lb::LifeId life) {
    const auto known = lives_.find(life);
    if (known == lives_.end()) return;
    const Place place = known->second;
    lives_.erase(known);
    if (auto& lives = of_service_.at(place.spec.service); lives.erase(life) && lives.empty())
        of_service_.erase(place.spec.service);
    leaving_.erase(life);
    grace_.after(here_, [this, place] {
        peers_.remove(place.spec.service, endpoint_of(place.spec));
        maps_.backends[place.element] = {};
        maps_.outcomes[place.element] = {};
        elements_.give_back(place.element);
        services_.life_ended(place.spec.service);
    });
}

}  // namespace reseat::bpf
