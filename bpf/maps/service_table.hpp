// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/byte_order.hpp"
#include "bpf/maps/grace_period.hpp"
#include "bpf/maps/map_set.hpp"
#include "bpf/maps/map_snapshot.hpp"
#include "bpf/maps/number_pool.hpp"
#include "bpf/maps/slot_allocator.hpp"

#include <memory>
#include <unordered_map>

namespace reseat::bpf {

/// Writes the services of one set of maps: names, addresses and selection tables. The only writer of them.
class ServiceTable {
public:
    ServiceTable(MapSet& maps, GracePeriod& grace);

    /// Into a fresh set.
    Result<void> restore(const std::vector<MapSnapshot::Service>& services);

    const lb::ServiceSpec* find(lb::ServiceId id) const;  ///< null: unknown
    /// What the set needs to take this plan in; equal to its own sizes where it fits.
    MapSizes needed(const lb::Plan& plan) const;

    /// Name and table, for a service that may be known already. It cannot be reached yet.
    Result<void> introduce(const lb::ServiceSpec& spec);
    /// The service's addresses are these from now on, even if others had them.
    Result<void> publish_addresses(const lb::ServiceSpec& spec);
    /// Takes back addresses that are not its own any more.
    void drop_addresses(lb::ServiceId id);
    /// `elements` in order; one store makes them visible.
    Result<void> publish_table(lb::ServiceId id, Family family, const std::vector<std::uint32_t>& elements);
    /// It can no longer be reached. Forgotten when no life of it is left.
    void remove(lb::ServiceId id);
    void life_began(lb::ServiceId id);
    void life_ended(lb::ServiceId id);

private:
    struct Entry {
        lb::ServiceSpec spec;
        std::vector<Endpoint> former;  ///< addresses that it may still have in the map
        std::uint32_t table = 0;
        std::array<std::uint64_t, 2> words{};  ///< published table per family
        std::uint32_t lives = 0;
        bool removed = false;
        bool forgotten = false;  ///< its end is under way
    };

    Result<void> write_name(const Entry& entry) const;
    void withdraw_table(Entry& entry, std::uint32_t family, std::uint64_t next);
    void forget_if_over(Entry& entry);

    MapSet& maps_;
    GracePeriod& grace_;
    SlotAllocator slots_;
    NumberPool tables_;
    std::unordered_map<lb::ServiceId, Entry> services_;
    std::unordered_map<lb_endpoint, lb::ServiceId, EndpointHash, SameEndpoint> addresses_;
    std::shared_ptr<const bool> here_ = std::make_shared<bool>(true);  ///< what waits for a grace period asks
};

}  // namespace reseat::bpf
