// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/map_snapshot.hpp"

#include "bpf/maps/byte_order.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

template <class T>
struct Numbered {
    std::uint32_t number;
    T value;
};

constexpr std::array<Numbered<lb::LbPolicy>, 4> kPolicies{{
    {LB_POLICY_ROUND_ROBIN, lb::LbPolicy::round_robin},
    {LB_POLICY_RANDOM, lb::LbPolicy::random},
    {LB_POLICY_LEAST_CONN, lb::LbPolicy::least_conn},
    {LB_POLICY_MAGLEV, lb::LbPolicy::maglev},
}};
constexpr std::array<Numbered<lb::HashKey>, 3> kHashKeys{{
    {LB_HASH_WORKLOAD, lb::HashKey::workload},
    {LB_HASH_UID, lb::HashKey::uid},
    {LB_HASH_PROCESS, lb::HashKey::process},
}};
constexpr std::array<Numbered<lb::OperatorState>, 3> kStates{{
    {LB_WORD_READY, lb::OperatorState::ready},
    {LB_WORD_DRAIN, lb::OperatorState::drain},
    {LB_WORD_MAINT, lb::OperatorState::maint},
}};
constexpr auto kReady = lb::OperatorState::ready;

/// What a later version wrote may not be known.
template <class T, std::size_t size>
T known_or(const std::array<Numbered<T>, size>& all, std::uint32_t number, T otherwise) {
    const auto found = std::ranges::find(all, number, &Numbered<T>::number);
    return found == all.end() ? otherwise : found->value;
}

template <class T, std::size_t size>
std::uint32_t number_of(const std::array<Numbered<T>, size>& all, T value) {
    return std::ranges::find(all, value, &Numbered<T>::value)->number;
}

/// One map of a set, with the sizes that its writer gave it.
struct ForeignMap {
    int fd = -1;
    bpf_map_info info{};
};

Result<ForeignMap> find(const OpenMaps& maps, const char* name, std::size_t key_size) {
    ForeignMap map;
    __u32 size = sizeof(map.info);
    const auto known = maps.find(name);
    if (known == maps.end()) return Error{ErrorCode::failed, std::string(name) + " is missing"};
    map.fd = known->second.get();
    if (bpf_obj_get_info_by_fd(map.fd, &map.info, &size)) return system_error(name, errno);
    if (map.info.key_size != key_size)
        return Error{ErrorCode::failed, std::string(name) + " has keys of another type"};
    return map;
}

/// The value's beginning, as much of it as we know; what its writer did not know of is 0.
template <class Value>
bool look_up(const ForeignMap& map, const void* key, Value& value) {
    std::vector<std::byte> bytes(map.info.value_size);
    if (bpf_map_lookup_elem(map.fd, key, bytes.data()) != 0) return false;
    value = {};
    std::memcpy(&value, bytes.data(), std::min<std::size_t>(bytes.size(), sizeof(value)));
    return true;
}

template <class Key, class Value, class Visit>
Result<void> for_each(const OpenMaps& maps, const char* name, Visit visit) {
    const auto map = find(maps, name, sizeof(Key));
    if (!map) return map.error();
    Key key{}, next{};
    Value value{};
    for (bool first = true; bpf_map_get_next_key(map->fd, first ? nullptr : &key, &next) == 0;
         first = false) {
        key = next;
        if (look_up(*map, &key, value)) visit(key, value);
    }
    return {};
}

/// Room for `Value`s or longer ones.
template <class Value>
Result<MappedArray<Value>> map_array(const OpenMaps& maps, const char* name) {
    const auto map = find(maps, name, sizeof(std::uint32_t));
    if (!map) return map.error();
    const std::size_t stride = (map->info.value_size + 7) / 8 * 8;
    if (stride < sizeof(Value))
        return Error{ErrorCode::failed, std::string(name) + " has values of an unknown version"};
    return MappedArray<Value>::map(map->fd, map->info.max_entries, stride);
}

Protocol protocol_of(std::uint8_t number) {
    return number == IPPROTO_UDP ? Protocol::udp : Protocol::tcp;
}

Result<void> read_services(const OpenMaps& maps, MapSnapshot& all) {
    std::unordered_map<lb::ServiceId, std::size_t> places;
    auto names = for_each<std::uint32_t, lb_name>(maps, "lb_names", [&](std::uint32_t id, lb_name& name) {
        name.name[LB_NAME_SIZE - 1] = 0;
        places[id] = all.services.size();
        all.services.push_back(
            {.spec = {.id = id,
                      .name = name.name,
                      .protocol = protocol_of(name.protocol),
                      .addresses = {},
                      .lb_policy = known_or(kPolicies, name.service.policy, lb::LbPolicy::round_robin),
                      .hash_key = known_or(kHashKeys, name.service.hash_key, lb::HashKey::uid)},
             .table = name.service.table});
        all.next_service = std::max(all.next_service, id + 1);
    });
    if (!names) return names;
    return for_each<lb_endpoint, lb_service>(maps, "lb_services", [&](lb_endpoint key, lb_service& value) {
        if (const auto place = places.find(value.id); place != places.end())
            all.services[place->second].spec.addresses.push_back(from_kernel(key));
    });
}

Result<void> read_lives(const OpenMaps& maps, MapSnapshot& all) {
    const auto elements = map_backends(maps);
    if (!elements) return elements.error();
    std::unordered_set<lb::ServiceId> known;
    for (const auto& service : all.services) known.insert(service.spec.id);
    for (std::uint32_t i = 0; i < elements->size(); ++i) {
        const lb_backend& element = (*elements)[i];
        const lb::LifeId life = __atomic_load_n(&element.life, __ATOMIC_ACQUIRE);
        if (life == 0 || !known.contains(element.service)) continue;
        all.lives.push_back({{life, element.service, from_kernel(element.endpoint)}, i, element});
        all.next_life = std::max(all.next_life, life + 1);
    }
    return {};
}

/// Sets of versions that did not keep it have none.
Result<void> read_words(const OpenMaps& maps, MapSnapshot& all) {
    if (!maps.contains("lb_words")) return {};
    std::map<lb::ServiceId, std::vector<lb::OperatorOverride>> overrides;
    auto done = for_each<lb_word_key, lb_word>(maps, "lb_words", [&](lb_word_key key, lb_word& word) {
        overrides[key.service].push_back({from_kernel(key.backend), known_or(kStates, word.state, kReady),
                                          known_or(kStates, word.configured_state, kReady), word.weight,
                                          word.configured_weight});
    });
    for (auto& [service, said] : overrides) all.overrides.push_back({service, std::move(said)});
    return done;
}

Result<void> read_tables(const OpenMaps& maps, MapSnapshot& all) {
    const auto tables = map_array<std::uint64_t>(maps, "lb_tables");
    const auto slots = map_array<std::uint64_t>(maps, "lb_slots");
    const auto turns = map_array<std::uint64_t>(maps, "lb_turns");
    if (!tables) return tables.error();
    if (!slots) return slots.error();
    if (!turns) return turns.error();
    std::vector<lb::ServiceId> owner;  // per element
    for (const auto& life : all.lives) {
        owner.resize(life.element + 1);
        owner[life.element] = life.spec.service;
    }
    const bool one_for_both = turns->size() < tables->size();  // by a version whose families shared it
    for (auto& service : all.services) {
        if (LB_TABLE_INDEX(service.table, LB_FAMILY_V6) >= tables->size()) continue;
        for (const std::uint32_t family : {LB_FAMILY_V4, LB_FAMILY_V6}) {
            const std::uint32_t index = LB_TABLE_INDEX(service.table, family);
            const std::uint32_t turn = one_for_both ? service.table : index;
            service.turns[family] = turn < turns->size() ? (*turns)[turn] : 0;
            const std::uint64_t word = (*tables)[index];
            const std::uint64_t end = std::uint64_t{LB_TABLE_OFFSET(word)} + LB_TABLE_LENGTH(word);
            for (std::uint64_t i = LB_TABLE_OFFSET(word); i < end && i < slots->size(); ++i) {
                const auto element = LB_SLOT_BACKEND((*slots)[i]);
                if (element < owner.size() && owner[element] == service.spec.id)
                    service.slots[family].push_back(element);
            }
        }
    }
    return {};
}

}  // namespace

MapSizes MapSnapshot::sizes() const {
    MapSizes sizes{.services = static_cast<std::uint32_t>(services.size())};
    for (const auto& service : services) {
        sizes.addresses += static_cast<std::uint32_t>(service.spec.addresses.size());
        for (const auto& slots : service.slots) sizes.slots += static_cast<std::uint32_t>(slots.size());
    }
    sizes.backends = lives.empty() ? 0 : lives.back().element + 1;
    return sizes;
}

lb::Inheritance MapSnapshot::inheritance() const {
    using State = lb::Inheritance::State;
    lb::Inheritance all{.overrides = overrides, .first_unused_service = next_service};
    for (const auto& service : services) all.services.push_back(service.spec);
    for (const auto& life : lives)
        all.lives.push_back({life.spec, life.old.state == LB_LIFE_ELIGIBLE   ? State::serving
                                        : life.old.state == LB_LIFE_DRAINING ? State::draining
                                                                             : State::condemned});
    return all;
}

Result<lb_meta> read_meta(const OpenMaps& maps) {
    const auto map = find(maps, "lb_meta", sizeof(std::uint32_t));
    if (!map) return map.error();
    const std::uint32_t zero = 0;
    lb_meta meta{};
    if (!look_up(*map, &zero, meta)) return system_error("lb_meta", errno);
    return meta;
}

Result<MapSnapshot> read_snapshot(const OpenMaps& maps) {
    MapSnapshot all;
    const auto meta = read_meta(maps);
    if (!meta) return meta.error();
    all.next_life = meta->next_life;
    all.next_service = meta->next_service;
    if (auto done = read_services(maps, all); !done) return done.error();
    if (auto done = read_lives(maps, all); !done) return done.error();
    if (auto done = read_tables(maps, all); !done) return done.error();
    if (auto done = read_words(maps, all); !done) return done.error();
    std::unordered_set<lb::ServiceId> alive;
    for (const auto& life : all.lives) alive.insert(life.spec.service);
    std::erase_if(all.services, [&](const MapSnapshot::Service& service) {
        return service.spec.addresses.empty() && !alive.contains(service.spec.id);
    });
    return all;
}

Result<MappedArray<lb_backend>> map_backends(const OpenMaps& maps) {
    return map_array<lb_backend>(maps, "lb_backends");
}

std::uint32_t policy_number(lb::LbPolicy policy) {
    return number_of(kPolicies, policy);
}

std::uint32_t hash_key_number(lb::HashKey key) {
    return number_of(kHashKeys, key);
}

std::uint32_t state_number(lb::OperatorState state) {
    return number_of(kStates, state);
}

}  // namespace reseat::bpf
