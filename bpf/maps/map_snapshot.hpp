// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/abi.h"
#include "bpf/maps/map_set.hpp"
#include "lb/control/data_plane.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace reseat::bpf {

/// What a set of maps says, in no version's layout: enough to write another set that balances the same.
struct MapSnapshot {
    struct Service {
        lb::ServiceSpec spec;  ///< no addresses: it was removed, and lives of it are left
        std::uint32_t table = 0;
        std::array<std::vector<std::uint32_t>, 2> slots;  ///< per family, elements
        std::array<std::uint64_t, 2> turns{};             ///< per family
    };
    struct Life {
        lb::LifeSpec spec;
        std::uint32_t element = 0;
        lb_backend old{};
    };

    lb::LifeId next_life = 1;
    lb::ServiceId next_service = 1;
    std::vector<Service> services;
    std::vector<Life> lives;  ///< by ascending element
    std::vector<lb::OperatorOverrides> overrides;

    /// What a set needs that is to hold this.
    MapSizes sizes() const;
    lb::Inheritance inheritance() const;
};

/// What the maps were written by; error: there is no such set.
Result<lb_meta> read_meta(const OpenMaps& maps);
/// Reads maps that this version or another wrote, also ones that were left in the middle of a plan. Nobody
/// may write them meanwhile but programs. Error: maps are missing or unreadable.
Result<MapSnapshot> read_snapshot(const OpenMaps& maps);
/// The elements alone, to be written too.
Result<MappedArray<lb_backend>> map_backends(const OpenMaps& maps);

std::uint32_t policy_number(lb::LbPolicy policy);
std::uint32_t hash_key_number(lb::HashKey key);
std::uint32_t state_number(lb::OperatorState state);

}  // namespace reseat::bpf
