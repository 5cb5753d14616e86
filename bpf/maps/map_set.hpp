// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "bpf/abi.h"
#include "bpf/maps/flow_memory.hpp"
#include "bpf/maps/mapped_array.hpp"
#include "lb/control/data_plane.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct lb_bpf;
struct typed_bpf;
struct bpf_map;
struct bpf_object;
struct bpf_program;

namespace reseat::bpf {

/// How much a set of maps holds.
struct MapSizes {
    std::uint32_t services = 0;   ///< names and tables
    std::uint32_t addresses = 0;  ///< service addresses, each protocol by itself
    std::uint32_t backends = 0;   ///< lives at one time
    std::uint32_t slots = 0;      ///< of all tables, those included that are about to be replaced

    bool fits(const MapSizes& larger) const;
};
/// The larger of each.
MapSizes larger(const MapSizes& a, const MapSizes& b);

/// Descriptors of maps, by their names.
using OpenMaps = std::map<std::string, UniqueFd>;

/// The programs of the data path, loaded once, and the maps that they use. Sockets' own records, the index
/// of sockets and all else whose size the configuration does not set are shared with the sets before and
/// after; the others are this set's alone. Freed when this is destroyed and neither link nor pin is left.
class MapSet {
public:
    struct Fixed {
        std::shared_ptr<FlowMemory> flows;  ///< its chunks are in lb_flows
        std::uint32_t pretend_later = 0;    ///< KernelOptions::pretend_later_version
        bool refuse_mptcp = false;          ///< KernelOptions::refuse_mptcp
    };
    /// Maps of `shared` are used, the others made. Errors: `unsupported` says what the kernel or the
    /// capabilities lack; `failed` sockets' records in `shared` are of another kind.
    static Result<std::unique_ptr<MapSet>> load(const MapSizes& sizes, const Fixed& fixed,
                                                const OpenMaps& shared);
    ~MapSet();
    MapSet(const MapSet&) = delete;

    /// In the order in which they are to be attached: release first, so that no socket is noted whose end
    /// is not seen.
    std::vector<bpf_program*> attachable() const;

    /// Duplicates of the descriptors of all maps; of those that the next set shares.
    OpenMaps all() const;
    OpenMaps shareable() const;
    int fd(const char* map) const;
    /// As Programs.
    void unfile(lb_unfilings flows) const;
    /// Frees so many numbers of flows, from `first` on. `mark`: tell when a quarter of them is left.
    Result<void> add_flows(std::uint32_t first, std::uint32_t count, bool mark) const;
    const MapSizes& sizes() const { return sizes_; }

    MappedArray<std::uint64_t> tables, turns, slots;
    MappedArray<lb_backend> backends;
    MappedArray<lb_outcome> outcomes;
    struct View {
        MappedArray<std::uint64_t> tables, slots;
        MappedArray<lb_backend> backends;
        MappedArray<lb_outcome> outcomes;
    };
    View view;  ///< a copy of these, for users that outlive this object

private:
    MapSet(lb_bpf* skeleton, const MapSizes& sizes) : skeleton_(skeleton), sizes_(sizes) {}
    void set_sizes(const Fixed& fixed);
    Result<void> reuse(const OpenMaps& shared);
    Result<void> introduce();
    void load_typed();
    bool use_maps_in(bpf_object* other) const;
    Result<void> map_arrays();
    OpenMaps duplicates(bool all) const;

    lb_bpf* skeleton_;
    typed_bpf* typed_ = nullptr;  ///< null where it cannot be loaded
    bool refuse_mptcp_ = false;
    MapSizes sizes_;
};

}  // namespace reseat::bpf
