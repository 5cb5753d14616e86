// SPDX-License-Identifier: Apache-2.0
#include "bpf/sockets/owned_sockets.hpp"

#include "bpf/maps/byte_order.hpp"

namespace reseat::bpf {

lb::LifeId life_of(const lb_owner& owner, const lb_endpoint& peer) {
    return (same_endpoint(owner.current.peer, peer) ? owner.current : owner.previous).life;
}

Result<std::vector<lb_owned>> owned_sockets(const Programs& programs, lb::LifeId life) {
    std::size_t filed = 0;
    if (life == 0) programs.flows().each_in_use([&filed](std::uint32_t, std::uint64_t) { ++filed; });
    std::vector<lb_owned> owned;
    owned.reserve(filed);
    auto all = programs.owners().each(life, filed + filed / 4,
                                      [&owned](const lb_owned& socket) { owned.push_back(socket); });
    if (!all) return all.error();
    return owned;
}

}  // namespace reseat::bpf
