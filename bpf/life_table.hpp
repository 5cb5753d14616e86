// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/grace_period.hpp"
#include "bpf/programs.hpp"
#include "bpf/slot_allocator.hpp"
#include "lb/control/data_plane.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

namespace reseat::bpf {

/// Writes plans into the maps: which service addresses there are, who serves them, and what state each life
/// is in. The only writer of these maps.
class LifeTable {
public:
    LifeTable(Programs& programs, GracePeriod& grace);

    lb::LifeId first_unused() const { return first_unused_; }
    /// The element of lb_backends that the life lives in; nothing once it is retired.
    std::optional<std::uint32_t> index_of(lb::LifeId life) const;

    /// Lives that are condemned, of UDP also those that drain, with open sockets.
    std::vector<lb::LifeId> without_new_sockets() const;

    /// As DataPlane::publish. New service addresses become visible last, when their tables are there.
    lb::Result<void> publish(const lb::Plan& plan);

private:
    struct ServiceEntry {
        lb::ServiceSpec spec;
        std::array<std::uint64_t, 2> words{};  ///< published table per family
    };

    lb::Result<void> check(const lb::Plan& plan) const;
    lb::Result<void> begin(const lb::LifeSpec& life);
    lb::Result<void> note_peer(const lb::LifeSpec& life, const lb_endpoint& backend);
    lb::Result<void> publish_table(const lb::Table& table);
    lb::Result<void> add_addresses(const lb::ServiceSpec& service);
    std::uint32_t choose_drawer();
    void set_state(lb::LifeId life, std::uint32_t state);
    void retire(lb::LifeId life);

    Programs& programs_;
    GracePeriod& grace_;
    SlotAllocator slots_;
    std::vector<std::uint32_t> free_elements_;
    std::unordered_map<lb::ServiceId, ServiceEntry> services_;
    std::unordered_map<lb::LifeId, std::uint32_t> lives_;
    lb::LifeId first_unused_ = 1;
    std::uint32_t lives_begun_ = 0;
};

}  // namespace reseat::bpf
