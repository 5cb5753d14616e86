// SPDX-License-Identifier: Apache-2.0
#include "bpf/life_table.hpp"

#include "bpf/byte_order.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

// Odd, and far from the size of a table of drawers: lives that begin one after the other start far apart, so
// that one that fills its drawer does not spill into its neighbour's.
constexpr std::uint32_t kDrawerStride = 39;

std::uint32_t family_number(lb::Family family) {
    return family == lb::Family::v4 ? LB_FAMILY_V4 : LB_FAMILY_V6;
}

lb::Error no_room(const std::string& what) {
    return {lb::ErrorCode::failed, "the data path has no room for more " + what};
}

}  // namespace

LifeTable::LifeTable(Programs& programs, GracePeriod& grace)
    : programs_(programs), grace_(grace), slots_(static_cast<std::uint32_t>(programs.slots.size())) {
    for (auto i = static_cast<std::uint32_t>(programs.backends.size()); i > 0; --i)
        free_elements_.push_back(i - 1);
    lb_meta meta{};
    const std::uint32_t zero = 0;
    if (bpf_map_lookup_elem(programs_.meta_fd(), &zero, &meta) == 0) first_unused_ = meta.next_life;
}

std::optional<std::uint32_t> LifeTable::index_of(lb::LifeId life) const {
    const auto found = lives_.find(life);
    return found == lives_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<lb::LifeId> LifeTable::without_new_sockets() const {
    std::vector<lb::LifeId> found;
    for (const auto& [life, index] : lives_) {
        const lb_backend& element = programs_.backends[index];
        const auto open = __atomic_load_n(&element.open, __ATOMIC_RELAXED);
        const bool leaves = element.state == LB_LIFE_CONDEMNED ||
                            (element.state == LB_LIFE_DRAINING && element.endpoint.protocol == IPPROTO_UDP);
        if (leaves && open > 0) found.push_back(life);
    }
    return found;
}

lb::Result<void> LifeTable::check(const lb::Plan& plan) const {
    const std::size_t room = programs_.tables.size() / 2;
    for (const auto& service : plan.add_services)
        if (service.id == 0 || service.id >= room) return no_room("services");
    if (plan.begin.size() > free_elements_.size()) return no_room("backends");
    return {};
}

lb::Result<void> LifeTable::publish(const lb::Plan& plan) {
    if (auto fine = check(plan); !fine) return fine;
    for (const auto& service : plan.add_services) services_[service.id].spec = service;
    for (const auto& life : plan.begin)
        if (auto begun = begin(life); !begun) return begun;
    for (const lb::LifeId life : plan.resume) set_state(life, LB_LIFE_ELIGIBLE);
    for (const auto& table : plan.tables)
        if (auto done = publish_table(table); !done) return done;
    for (const lb::LifeId life : plan.drain) set_state(life, LB_LIFE_DRAINING);
    for (const lb::LifeId life : plan.condemn) set_state(life, LB_LIFE_CONDEMNED);
    for (const auto& service : plan.add_services)
        if (auto added = add_addresses(service); !added) return added;
    for (const lb::LifeId life : plan.retire) retire(life);
    return {};
}

lb::Result<void> LifeTable::begin(const lb::LifeSpec& life) {
    if (lives_.contains(life.life)) return {};  // of a plan that is tried again
    const auto service = services_.find(life.service);
    if (service == services_.end()) return lb::Error{lb::ErrorCode::failed, "a life of an unknown service"};
    const lb_endpoint endpoint = to_kernel(life.backend, service->second.spec.protocol);
    // Persisted before it is used: an id must never come twice, even if we end right here.
    first_unused_ = std::max(first_unused_, life.life + 1);
    const lb_meta meta{.abi_version = LB_ABI_VERSION, .pad = 0, .next_life = first_unused_};
    const std::uint32_t zero = 0;
    if (bpf_map_update_elem(programs_.meta_fd(), &zero, &meta, BPF_ANY))
        return lb::system_error("lb_meta", errno);
    if (auto noted = note_peer(life, endpoint); !noted) return noted;

    const std::uint32_t index = free_elements_.back();
    free_elements_.pop_back();
    lb_backend& element = programs_.backends[index];
    element = {};
    element.endpoint = endpoint;
    element.service = life.service;
    element.state = LB_LIFE_ELIGIBLE;
    element.drawer = choose_drawer();
    __atomic_store_n(&element.life, life.life, __ATOMIC_RELEASE);
    lives_[life.life] = index;
    return {};
}

/// One that no other life has noted, if there is any: whoever looks for the sockets of a life reads all of
/// each drawer that it noted, others' entries too (10 ms for a run of full ones).
std::uint32_t LifeTable::choose_drawer() {
    std::array<std::uint64_t, LB_DRAWER_WORDS> noted{};
    for (const auto& [life, index] : lives_)
        for (std::size_t word = 0; word < noted.size(); ++word)
            noted[word] |= __atomic_load_n(&programs_.backends[index].drawers[word], __ATOMIC_RELAXED);
    const auto drawers = static_cast<std::uint32_t>(programs_.drawers.size());
    const std::uint32_t first = lives_begun_++ * kDrawerStride % drawers;
    for (std::uint32_t i = 0; i < drawers; ++i) {
        const std::uint32_t drawer = (first + i * kDrawerStride) % drawers;
        if (!(noted[drawer / 64] & 1ull << drawer % 64)) return drawer;
    }
    return first;
}

/// Late answers carry the service address as long as the service has the backend, whatever its state.
lb::Result<void> LifeTable::note_peer(const lb::LifeSpec& life, const lb_endpoint& backend) {
    const lb::ServiceSpec& spec = services_[life.service].spec;
    const auto address = std::ranges::find_if(spec.addresses, [&](const lb::Endpoint& candidate) {
        return candidate.address.family() == life.backend.address.family();
    });
    if (address == spec.addresses.end()) return {};  // nobody of this family can have dialled it
    const lb_peer peer{.dialled = to_kernel(*address, spec.protocol)};
    for (const std::uint32_t service : {life.service, 0u}) {
        const lb_peer_key key{.service = service, .backend = backend};
        const int failure =
            bpf_map_update_elem(programs_.peers_fd(), &key, &peer, service ? BPF_ANY : BPF_NOEXIST);
        if (failure && errno != EEXIST) return no_room("backends");
    }
    return {};
}

lb::Result<void> LifeTable::publish_table(const lb::Table& table) {
    const auto service = services_.find(table.service);
    if (service == services_.end()) return lb::Error{lb::ErrorCode::failed, "a table of an unknown service"};
    const auto length = static_cast<std::uint32_t>(table.slots.size());
    std::uint32_t offset = 0;
    if (length > 0) {
        const auto region = slots_.allocate(length);
        if (!region) return no_room("selection slots");
        offset = *region;
        for (std::uint32_t i = 0; i < length; ++i) programs_.slots[offset + i] = lives_.at(table.slots[i]);
    }
    const std::uint32_t family = family_number(table.family);
    const std::uint64_t word = LB_TABLE_WORD(offset, length);
    __atomic_store_n(&programs_.tables[LB_TABLE_INDEX(table.service, family)], word, __ATOMIC_SEQ_CST);
    const std::uint64_t old = std::exchange(service->second.words[family], word);
    if (LB_TABLE_LENGTH(old) > 0)
        grace_.after([this, old] { slots_.release(LB_TABLE_OFFSET(old), LB_TABLE_LENGTH(old)); });
    return {};
}

lb::Result<void> LifeTable::add_addresses(const lb::ServiceSpec& service) {
    const lb_service value{.id = service.id,
                           .policy = service.lb_policy == lb::LbPolicy::random
                                         ? static_cast<std::uint32_t>(LB_POLICY_RANDOM)
                                         : static_cast<std::uint32_t>(LB_POLICY_ROUND_ROBIN)};
    for (const auto& address : service.addresses) {
        const lb_endpoint key = to_kernel(address, service.protocol);
        if (bpf_map_update_elem(programs_.services_fd(), &key, &value, BPF_ANY))
            return no_room("service addresses");
    }
    return {};
}

void LifeTable::set_state(lb::LifeId life, std::uint32_t state) {
    if (const auto index = index_of(life))
        __atomic_store_n(&programs_.backends[*index].state, state, __ATOMIC_SEQ_CST);
}

void LifeTable::retire(lb::LifeId life) {
    const auto index = index_of(life);
    if (!index) return;
    lives_.erase(life);
    grace_.after([this, element = *index] {
        programs_.backends[element] = {};
        free_elements_.push_back(element);
    });
}

}  // namespace reseat::bpf
