// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/orders/end_sockets.hpp"
#include "bpf/workload/workload_sockets.hpp"
#include "lb/policy.hpp"

#include <vector>

namespace reseat::bpf {

/// Whether sockets that are open end when this policy denies them.
bool ends_sockets(const lb::AccessPolicy& policy);

/// The sockets of the workload that such a policy denies, by what the application dialled: one that dialled a
/// service is judged by the service's address, not by the backend. Target::report counts the policies that
/// end sockets.
Result<std::vector<Target>> find_forbidden(WorkloadSockets& sockets,
                                           const std::vector<lb::AccessPolicy>& policies);

}  // namespace reseat::bpf
