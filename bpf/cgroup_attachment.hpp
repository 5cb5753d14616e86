// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/handles.hpp"
#include "lb/error.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

struct bpf_link;
struct bpf_program;

namespace reseat::bpf {

/// Programs attached to one cgroup2 directory, and the claim on it: one instance per cgroup. Destroying it
/// detaches them.
class CgroupAttachment {
public:
    /// Claims the directory `cgroup` (flock: exclusive on it, shared on its ancestors), looks whether an
    /// ancestor carries a program that would refuse ours or be replaced by them, attaches all `programs` as
    /// links and compares the cgroup attached to with the one meant.
    /// Errors: `failed` another instance holds this cgroup or one above or below, or an ancestor's program is
    /// in the way; `unsupported` not a cgroup2 directory, or a hook that this kernel lacks.
    static lb::Result<CgroupAttachment> attach(const std::string& cgroup,
                                               std::span<bpf_program* const> programs);

private:
    struct DestroyLink {
        void operator()(bpf_link* link) const;
    };
    std::vector<UniqueFd> locks_;  ///< the cgroup first, then its ancestors
    std::vector<std::unique_ptr<bpf_link, DestroyLink>> links_;
};

}  // namespace reseat::bpf
