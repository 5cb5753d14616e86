// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace reseat::bpf {

/// One thing that reseat needs or would like, tried by really doing it.
struct Feature {
    std::string name;     ///< "attach cgroup programs", "terminate: tuple", "re-point connected UDP"
    bool available = false;
    bool required = false;
    std::string detail;   ///< what was seen: "ended a throw-away socket in 0.1 ms", "EPERM from bpf()"
    std::string remedy;   ///< what to do where it is missing; empty otherwise
};

/// Tries every feature in a throw-away cgroup and on throw-away loopback sockets of its own; blocks for up to
/// a second, leaves nothing behind.
std::vector<Feature> probe_kernel_features();

/// The libbpf that runs, as "1.1".
std::string libbpf_version();

}  // namespace reseat::bpf
