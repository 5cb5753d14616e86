// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"
#include "bpf/maps/grace_period.hpp"
#include "bpf/maps/map_snapshot.hpp"
#include "bpf/maps/number_pool.hpp"
#include "bpf/maps/older_sets.hpp"
#include "bpf/maps/operator_overrides.hpp"
#include "bpf/maps/peer_table.hpp"
#include "bpf/maps/service_table.hpp"

#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace reseat::bpf {

/// Writes plans into one set of maps: which service addresses there are, which backends serve them, and what
/// state each life is in. The only writer of these maps.
class LifeTable {
public:
    LifeTable(MapSet& maps, GracePeriod& grace);

    /// Writes into a fresh set what another one said, lives in the same elements; counters begin apart.
    Result<void> restore(const MapSnapshot& known);
    /// What of a set that this wrote is still so: it also says what waits for a grace period.
    void keep_current(MapSnapshot& read) const;

    lb::LifeId first_unused() const { return first_unused_; }
    /// The element of lb_backends that the life lives in; nothing once it is retired.
    std::optional<std::uint32_t> index_of(lb::LifeId life) const;
    OlderSets& predecessors() { return predecessors_; }
    const OlderSets& predecessors() const { return predecessors_; }

    std::vector<lb::LifeId> all() const;
    /// Lives that are condemned, of UDP also those that drain, with open sockets.
    std::vector<lb::LifeId> without_new_sockets() const;
    /// Lives of UDP that drain or are condemned. Costs by all lives that do.
    std::vector<FiledLife> leaving_udp() const;

    /// The sizes that the set must have for this plan; equal to its own where it fits.
    MapSizes needed(const lb::Plan& plan) const;
    /// As DataPlane::publish. New service addresses become visible when their tables are there; what a
    /// program may still read is used again after a grace period only. Error: nothing was done, unless the
    /// kernel has no memory.
    Result<void> publish(const lb::Plan& plan);

private:
    struct Place {
        std::uint32_t element = 0;
        lb::LifeSpec spec;
    };

    Result<void> check(const lb::Plan& plan) const;
    Result<void> remember_ids(const lb::Plan& plan);
    Result<void> change(const lb::ServiceSpec& service);
    Result<void> begin(const lb::LifeSpec& life);
    Result<void> note(const lb::LifeSpec& life);
    Result<void> publish_table(const lb::Table& table);
    std::optional<lb_endpoint> dialled_for(const lb::LifeSpec& life) const;
    lb_endpoint endpoint_of(const lb::LifeSpec& life) const;
    void keep(const lb::OperatorOverrides& overrides);
    void set_state(lb::LifeId life, std::uint32_t state);
    void retire(lb::LifeId life);

    MapSet& maps_;
    GracePeriod& grace_;
    ServiceTable services_;
    PeerTable peers_;
    OperatorOverrideTable overrides_;
    OlderSets predecessors_;
    NumberPool elements_;
    std::unordered_map<lb::LifeId, Place> lives_;
    std::unordered_map<lb::ServiceId, std::unordered_set<lb::LifeId>> of_service_;
    std::unordered_set<lb::LifeId> leaving_;  ///< that drain or are condemned
    lb::LifeId first_unused_ = 1;
    lb::ServiceId first_unused_service_ = 1;
    std::shared_ptr<const bool> here_ = std::make_shared<bool>(true);  ///< what waits for a grace period asks
};

}  // namespace reseat::bpf
