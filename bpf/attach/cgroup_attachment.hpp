// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/handles.hpp"
#include "bpf/attach/pin_directory.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct bpf_program;

namespace reseat::bpf {

/// Programs attached to one cgroup2 directory, and the claim on it: one instance per cgroup. Destroying it
/// detaches those whose links are not pinned.
class CgroupAttachment {
public:
    /// Claims the directory `cgroup`: flock, exclusive on it, shared on its ancestors. Errors: `failed`
    /// another instance holds this cgroup or one above or below; `unsupported` not a cgroup2 directory.
    static Result<CgroupAttachment> claim(const std::string& cgroup);

    /// Takes over links that an earlier process pinned. False: they are not of this cgroup, or it was removed
    /// and made again; then nothing is taken.
    bool adopt(OpenMaps& links);

    /// From now on `programs` run, in this order, in place of those of the same names that are attached; the
    /// others are attached anew, after a check whether an ancestor has a program that would refuse ours or
    /// be replaced by them. `pins`, if any, gets each new link, and loses those that are not wanted any more.
    /// Errors: `failed` a program is in the way (also one of a killed process that was not adopted: waits a
    /// second for it to go), or the cgroup is gone; `unsupported` a hook that this kernel
    /// lacks.
    Result<void> attach(std::span<bpf_program* const> programs, const PinDirectory* pins);

    /// The cgroup was removed: nothing is attached any more.
    bool is_gone() const;

private:
    struct Link {
        std::string program;
        UniqueFd fd;
    };
    Result<void> attach_one(bpf_program* program, const PinDirectory* pins);

    std::string cgroup_;
    std::vector<UniqueFd> locks_;  ///< the cgroup first, then its ancestors
    std::vector<Link> links_;
};

}  // namespace reseat::bpf
