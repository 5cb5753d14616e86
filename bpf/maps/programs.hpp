// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "bpf/abi_policy.h"
#include "bpf/maps/map_set.hpp"
#include "bpf/maps/mapped_array.hpp"
#include "bpf/maps/owner_scan.hpp"
#include "bpf/options.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace reseat::bpf {

/// The data path's maps as all users see them, whichever set of them is in use. What is named here may be
/// used on any thread.
class Programs {
public:
    /// Loads the first set of this process, with maps of these sizes. `adopted`: of an earlier process, to be
    /// shared; empty: none.
    static Result<std::unique_ptr<Programs>> load(const KernelOptions& options, const MapSizes& sizes,
                                                  OpenMaps adopted = {});
    Programs(const Programs&) = delete;

    MapSet& set() { return *set_; }
    /// Another set beside the one in use.
    Result<std::unique_ptr<MapSet>> load_beside(const MapSizes& sizes) const;
    /// All see `next` from now on. Returns the set before it.
    std::unique_ptr<MapSet> use(std::unique_ptr<MapSet> next);

    /// All maps of `set`, the chunks of the index too, for the next process.
    OpenMaps to_be_pinned(const MapSet& set) const;

    OwnerScan& owners() const { return *owners_; }
    std::optional<lb_service> find_service(const lb_endpoint& dialled) const;
    /// Takes flows out of the index, each if it still has this tag, and uncounts it: both or neither.
    void unfile(const lb_unfilings& flows) const;
    const FlowMemory& flows() const { return *fixed_.flows; }
    /// Flows that the programs may use by now.
    std::uint32_t usable_flows() const;
    /// Makes as many chunks for the index as it has, or as it may still get; none: it may get none.
    Result<std::vector<UniqueFd>> make_chunks() const;
    /// Takes them in, so that they are among those to be pinned: their names and descriptors. On the thread
    /// that calls use().
    Result<OpenMaps> take_chunks(std::vector<UniqueFd> chunks);
    /// Lets the programs use them. Waits for a grace period.
    Result<void> use_chunks() const;
    std::uint64_t stat(std::uint32_t id) const;  ///< LB_STAT_*, of all processors

    // Shared by all sets: these descriptors never change.
    int owner_fd() const { return fixed_fd("lb_owner"); }
    int repoint_fd() const { return fixed_fd("lb_repoint"); }
    int events_fd() const { return fixed_fd("lb_events"); }
    int policies_fd() const { return fixed_fd("lb_policies"); }

    LiveArray<std::uint64_t> tables;
    LiveArray<std::uint64_t> slots;
    LiveArray<lb_backend> backends;
    LiveArray<lb_outcome> outcomes;
    MappedArray<std::uint64_t> rules;
    MappedArray<lb_rule_set> rule_sets;
    MappedArray<lb_denial> denials;

private:
    Programs() = default;
    Result<void> make_flows(const KernelOptions& options);
    Result<void> adopt_flows(OpenMaps& adopted);
    Result<void> map_policies();
    void forget_repoints() const;
    int fixed_fd(const char* map) const { return shared_.at(map).get(); }

    MapSet::Fixed fixed_;
    OpenMaps shared_;
    mutable std::mutex replacing_;  ///< of set_, which workers use, too
    std::unique_ptr<MapSet> set_;
    std::unique_ptr<OwnerScan> owners_;
};

}  // namespace reseat::bpf
