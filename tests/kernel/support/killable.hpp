// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/kernel/support/victims.hpp"
#include "tests/support/bpf_fs.hpp"

#include <functional>

namespace reseat::test {

constexpr unsigned kPrograms = 10;  ///< that are attached: one per hook

/// kVip for TCP and for UDP, each with hosts a and b.
std::vector<lb::Service> both(Sandbox& box);

/// A process of its own that has the data plane on the sandbox's cgroup, outside of the workload, for the
/// test to kill. Make it while the test has no data plane itself: it would inherit the locks.
class KillablePlane {
public:
    /// Returns when it is attached and `then` was called in there. Throws std::runtime_error when it fails.
    KillablePlane(const Sandbox& box, const std::vector<lb::Service>& services,
                  const bpf::KernelOptions& options, const std::function<void(TestPlane&)>& then = {});
    /// Does not wait: kill() finds it wherever it is. `then` is called again and again.
    struct AtOnce {};
    KillablePlane(AtOnce, const Sandbox& box, const std::vector<lb::Service>& services,
                  const bpf::KernelOptions& options, const std::function<void(TestPlane&)>& then);

    void kill() { process_.kill(); }  ///< SIGKILL; returns when it is gone

private:
    Process process_;
};

/// Options that pin in this bpffs.
bpf::KernelOptions pinned_in(const BpfFs& bpffs);

}  // namespace reseat::test
