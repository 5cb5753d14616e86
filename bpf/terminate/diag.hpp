// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/flow_index.hpp"
#include "bpf/sock_diag.hpp"

namespace reseat::bpf {

/// Finds the sockets of a life that the index had no room for: a dump filtered by state and port, matched by
/// cookie with what the programs noted on sockets (lb_owner), so that only the life decides. A dump can show
/// those notes itself, but not for UDP (seen on 6.18). Costs by all sockets of the namespace to that port and
/// all balanced ones. Blocks.
lb::Result<std::vector<Flow>> find_by_owner(SockDiag& diag, const Programs& programs,
                                            const lb_backend& backend, lb::LifeId life);

}  // namespace reseat::bpf
