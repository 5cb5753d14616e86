// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/service_table.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

namespace reseat::bpf {
namespace {

std::uint32_t family_number(Family family) {
    return family == Family::v4 ? LB_FAMILY_V4 : LB_FAMILY_V6;
}

lb_service to_kernel(const lb::ServiceSpec& spec, std::uint32_t table) {
    return {.id = spec.id,
            .policy = policy_number(spec.lb_policy),
            .table = table,
            .hash_key = hash_key_number(spec.hash_key)};
}

/// How many of a table's slots are each element's.
std::unordered_map<std::uint32_t, std::uint32_t> shares_of(const std::vector<std::uint32_t>& elements) {
    std::unordered_map<std::uint32_t, std::uint32_t> shares;
    for (const std::uint32_t element : elements) ++shares[element];
    return shares;
}

Error no_room(const std::string& what) {
    return {ErrorCode::failed, "the BPF maps have no room for more " + what};
}

}  // namespace

ServiceTable::ServiceTable(MapSet& maps, GracePeriod& grace)
    : maps_(maps), grace_(grace), slots_(maps.sizes().slots), tables_(maps.sizes().services) {}

Result<void> ServiceTable::restore(const std::vector<MapSnapshot::Service>& services) {
    for (const auto& known : services) {
        if (auto done = introduce(known.spec); !done) return done;
        Entry& entry = services_[known.spec.id];
        entry.removed = known.spec.addresses.empty();
        for (const auto family : {Family::v4, Family::v6}) {
            const std::uint32_t number = family_number(family);
            maps_.turns[LB_TABLE_INDEX(entry.table, number)] = known.turns[number];
            if (auto done = publish_table(known.spec.id, family, known.slots[number]); !done) return done;
        }
        if (auto done = publish_addresses(known.spec); !done) return done;
    }
    return {};
}

const lb::ServiceSpec* ServiceTable::find(lb::ServiceId id) const {
    const auto known = services_.find(id);
    return known == services_.end() ? nullptr : &known->second.spec;
}

MapSizes ServiceTable::needed(const lb::Plan& plan) const {
    MapSizes need = maps_.sizes();
    const auto services = static_cast<std::uint32_t>(std::ranges::count_if(
        plan.add_services, [&](const auto& service) { return !services_.contains(service.id); }));
    if (services > tables_.left()) need.services += services - tables_.left();

    std::unordered_set<lb_endpoint, EndpointHash, SameEndpoint> more;
    for (const auto* list : {&plan.add_services, &plan.change_services})
        for (const auto& service : *list)
            for (const auto& address : service.addresses)
                if (const auto key = to_kernel(address, service.protocol); !addresses_.contains(key))
                    more.insert(key);
    need.addresses = std::max(need.addresses, static_cast<std::uint32_t>(addresses_.size() + more.size()));

    SlotAllocator trial = slots_;
    std::size_t slots = 0;
    bool fits = true;
    for (const auto& table : plan.tables) {
        slots += table.slots.size();
        if (!table.slots.empty())
            fits = fits && trial.allocate(static_cast<std::uint32_t>(table.slots.size()));
    }
    if (!fits) need.slots += static_cast<std::uint32_t>(slots);
    return need;
}

Result<void> ServiceTable::write_name(const Entry& entry) const {
    lb_name name{.service = to_kernel(entry.spec, entry.table),
                 .protocol = to_kernel({}, entry.spec.protocol).protocol,
                 .pad = {},
                 .name = {}};
    entry.spec.name.copy(name.name, LB_NAME_SIZE - 1);
    if (bpf_map_update_elem(maps_.fd("lb_names"), &entry.spec.id, &name, BPF_ANY))
        return system_error("record the name of service " + entry.spec.name, errno);
    return {};
}

Result<void> ServiceTable::introduce(const lb::ServiceSpec& spec) {
    auto [known, is_new] = services_.try_emplace(spec.id);
    Entry& entry = known->second;
    if (is_new) {
        if (tables_.left() == 0) {
            services_.erase(known);
            return no_room("services");
        }
        entry.table = tables_.take();
    }
    entry.former.insert(entry.former.end(), entry.spec.addresses.begin(), entry.spec.addresses.end());
    entry.spec = spec;
    entry.removed = false;
    return write_name(entry);
}

Result<void> ServiceTable::publish_addresses(const lb::ServiceSpec& spec) {
    const Entry& entry = services_.at(spec.id);
    const lb_service value = to_kernel(spec, entry.table);
    for (const auto& address : spec.addresses) {
        const lb_endpoint key = to_kernel(address, spec.protocol);
        if (bpf_map_update_elem(maps_.fd("lb_services"), &key, &value, BPF_ANY))
            return no_room("service addresses");
        addresses_[key] = spec.id;
    }
    return {};
}

void ServiceTable::drop_addresses(lb::ServiceId id) {
    Entry& entry = services_.at(id);
    for (const auto& address : std::exchange(entry.former, {})) {
        if (std::ranges::find(entry.spec.addresses, address) != entry.spec.addresses.end()) continue;
        const lb_endpoint key = to_kernel(address, entry.spec.protocol);
        const auto owner = addresses_.find(key);
        if (owner == addresses_.end() || owner->second != id) continue;  // another service has it by now
        bpf_map_delete_elem(maps_.fd("lb_services"), &key);
        addresses_.erase(owner);
    }
}

Result<void> ServiceTable::publish_table(lb::ServiceId id, Family family,
                                         const std::vector<std::uint32_t>& elements) {
    Entry& entry = services_.at(id);
    const auto length = static_cast<std::uint32_t>(elements.size());
    std::uint32_t offset = 0;
    if (length > 0) {
        const auto region = slots_.allocate(length);
        if (!region) return no_room("selection slots");
        offset = *region;
        auto shares = shares_of(elements);
        for (std::uint32_t i = 0; i < length; ++i)
            maps_.slots[offset + i] = LB_SLOT(elements[i], shares[elements[i]]);
    }
    withdraw_table(entry, family_number(family), LB_TABLE_WORD(offset, length));
    return {};
}

void ServiceTable::withdraw_table(Entry& entry, std::uint32_t family, std::uint64_t next) {
    __atomic_store_n(&maps_.tables[LB_TABLE_INDEX(entry.table, family)], next, __ATOMIC_SEQ_CST);
    const std::uint64_t old = std::exchange(entry.words[family], next);
    if (LB_TABLE_LENGTH(old) > 0)
        grace_.after(here_, [this, old] { slots_.release(LB_TABLE_OFFSET(old), LB_TABLE_LENGTH(old)); });
}

void ServiceTable::remove(lb::ServiceId id) {
    const auto known = services_.find(id);
    if (known == services_.end()) return;
    Entry& entry = known->second;
    entry.removed = true;
    entry.former.insert(entry.former.end(), entry.spec.addresses.begin(), entry.spec.addresses.end());
    entry.spec.addresses.clear();
    drop_addresses(id);
    forget_if_over(entry);
}

void ServiceTable::life_began(lb::ServiceId id) {
    ++services_.at(id).lives;
}

void ServiceTable::life_ended(lb::ServiceId id) {
    Entry& entry = services_.at(id);
    --entry.lives;
    forget_if_over(entry);
}

/// A program that looked the address up before it was removed may still read the table.
void ServiceTable::forget_if_over(Entry& entry) {
    if (!entry.removed || entry.lives > 0 || entry.forgotten) return;
    entry.forgotten = true;
    grace_.after(here_, [this, id = entry.spec.id] {
        Entry& over = services_.at(id);
        over.forgotten = false;
        if (!over.removed || over.lives > 0) return;  // it came back
        for (const std::uint32_t family : {LB_FAMILY_V4, LB_FAMILY_V6}) {
            withdraw_table(over, family, 0);
            maps_.turns[LB_TABLE_INDEX(over.table, family)] = 0;
        }
        bpf_map_delete_elem(maps_.fd("lb_names"), &id);
        tables_.give_back(over.table);
        services_.erase(id);
    });
}

}  // namespace reseat::bpf
