// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/terminate/engine.hpp"
#include "bpf/workload/workload_sockets.hpp"
#include "lb/policy.hpp"

#include <vector>

namespace reseat::bpf {

/// Whether sockets that are open end when this policy denies them.
bool ends_sockets(const lb::AccessPolicy& policy);

// The sockets that such a policy denies, by what the application dialled: one that dialled a service is
// judged by the service's address, not by the backend. Target::report counts the policies that end sockets.

/// Among balanced sockets that are in the index. Costs by the index.
std::vector<Target> forbidden_in_index(const Programs& programs,
                                       const std::vector<lb::AccessPolicy>& policies);
std::vector<Target> forbidden_among(const std::vector<WorkloadSocket>& sockets,
                                    const std::vector<lb::AccessPolicy>& policies);

/// A socket of the workload that is to be ended, of no life.
Target target_of(const WorkloadSocket& socket);

}  // namespace reseat::bpf
