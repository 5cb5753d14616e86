// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/flow_index.hpp"
#include "bpf/sock_diag.hpp"

namespace reseat::bpf {

/// Finds the sockets of a life that the index had no room for: a dump filtered by state and port, each socket
/// with what the programs noted on it (lb_owner), so that only the life decides. Costs by all sockets of the
/// namespace to that port. Blocks.
lb::Result<std::vector<Flow>> find_by_owner(SockDiag& diag, int owner_map, const lb_backend& backend,
                                            lb::LifeId life);

}  // namespace reseat::bpf
