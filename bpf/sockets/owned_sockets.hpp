// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"

#include <vector>

namespace reseat::bpf {

/// The sockets of which a life is on record, in all network namespaces: found by what the programs noted on
/// them, whether the index had room for them or not. `life` 0: of all lives, and sockets of reseat's own
/// (LB_OWNER_EXEMPT). Costs by all sockets that were ever balanced and are open; takes no socket's lock.
/// Blocks. Needs CAP_PERFMON and BTF.
Result<std::vector<lb_owned>> owned_sockets(const Programs& programs, lb::LifeId life);

/// The life that a socket which is connected to `peer` belongs to: both records may name this address, when
/// another life of it followed; the newer one is true then.
lb::LifeId life_of(const lb_owner& owner, const lb_endpoint& peer);

}  // namespace reseat::bpf
