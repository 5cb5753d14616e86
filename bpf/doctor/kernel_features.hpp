// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace reseat::bpf {

/// One thing that reseat needs or would like, tried by really doing it.
struct Feature {
    std::string name;  ///< "attach cgroup programs", "terminate: tuple", "re-point connected UDP"
    bool available = false;
    bool required = false;
    std::string detail;  ///< what was seen: "terminated 3 test sockets in 0.3 ms", "EPERM from bpf()"
    std::string remedy;  ///< what to do where it is missing; empty otherwise
};

/// Tries every feature on throw-away loopback sockets of a child process in `scratch_cgroup`, an empty cgroup
/// of the caller's; `procs` is open on its cgroup.procs. Blocks for up to a second; of what it makes only the
/// cgroup is left. Call it before other threads are started: it forks.
std::vector<Feature> probe_kernel_features(const std::string& scratch_cgroup, int procs);

/// The libbpf that runs, as "1.1".
std::string libbpf_version();

}  // namespace reseat::bpf
