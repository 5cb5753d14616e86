// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/attach/cgroup_attachment.hpp"
#include "bpf/attach/pin_directory.hpp"
#include "bpf/maps/grace_period.hpp"
#include "bpf/maps/life_table.hpp"
#include "bpf/maps/programs.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reseat::bpf {

/// The set of maps in use and the way from one to the next: when a process takes over what another one left
/// pinned, and when a plan needs more room. Each time the next set is written beside the one in use, pinned,
/// and then the links get its programs one by one (no connect finds none); what the old programs counted
/// meanwhile is added when none of them runs any more. Killed at any step, the next process finds whole sets.
class MapHandover {
public:
    /// Attached on return, balancing what was adopted, if anything was. Errors: those of CgroupAttachment,
    /// PinDirectory and Programs.
    /// `before_first` is called where no program of reseat is attached, just before the first one is.
    using BeforeFirst = std::function<void(std::shared_ptr<const Programs>)>;
    static Result<std::unique_ptr<MapHandover>> start(const std::string& cgroup, const KernelOptions& options,
                                                      GracePeriod& grace, const BeforeFirst& before_first);

    Programs& programs() { return *programs_; }
    const Programs& programs() const { return *programs_; }
    std::shared_ptr<Programs> shared_programs() { return programs_; }
    const LifeTable& lives() const { return *lives_; }
    const lb::Inheritance& inheritance() const { return inheritance_; }

    /// As DataPlane::publish. Makes room first where there is none; that takes as long as loading programs.
    Result<void> publish(const lb::Plan& plan);
    /// Of the element that index_of() names.
    std::uint64_t open(std::uint32_t element) const { return lives_->predecessors().open(element); }
    std::uint64_t connects(std::uint32_t element) const { return lives_->predecessors().connects(element); }
    /// Sockets that may still be connected to it, though they count elsewhere.
    std::uint64_t left(std::uint32_t element) const { return lives_->predecessors().left(element); }

    /// Takes them into the index and pins them. The programs use them once Programs::use_chunks() was called.
    Result<void> take_chunks(std::vector<UniqueFd> chunks);

    bool cgroup_is_gone() const { return attachment_.is_gone(); }
    bool pinned() const { return pins_.has_value(); }
    void unpin();

private:
    struct Found;  ///< a pinned set that can be adopted

    MapHandover(GracePeriod& grace, CgroupAttachment attachment)
        : grace_(grace), attachment_(std::move(attachment)) {}
    std::optional<Found> find_pinned();
    Result<void> take_over(Found found, const KernelOptions& options, const BeforeFirst& before_first);
    Result<void> grow(const MapSizes& needed);
    Result<void> pin(const OpenMaps& maps);
    Result<void> attach(const MapSet& set);
    void fold_after_grace();

    GracePeriod& grace_;
    CgroupAttachment attachment_;
    std::optional<PinDirectory> pins_;
    std::uint32_t number_ = 0;  ///< of the set in use, among the pinned ones
    std::shared_ptr<Programs> programs_;
    std::unique_ptr<LifeTable> lives_;
    lb::Inheritance inheritance_;
    std::shared_ptr<const bool> in_use_;  ///< of the set in use: what waits for a grace period asks
};

}  // namespace reseat::bpf
