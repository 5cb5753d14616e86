// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/diag.hpp"

#include "bpf/byte_order.hpp"

#include <netinet/in.h>

namespace reseat::bpf {

lb::Result<std::vector<Flow>> find_by_owner(SockDiag& diag, int owner_map, const lb_backend& backend,
                                            lb::LifeId life) {
    std::vector<Flow> found;
    const std::uint8_t protocol = backend.endpoint.protocol;
    const DumpFilter filter{.protocol = protocol,
                            .states = protocol == IPPROTO_TCP ? kLiveTcpStates : kConnectedUdp,
                            .remote_port_be = backend.endpoint.port_be,
                            .owner_map = owner_map};
    auto dumped = diag.dump(filter, [&](const DiagSocket& socket) {
        if (!socket.owner || !same_endpoint(socket.tuple.remote, backend.endpoint)) return;
        if (socket.owner->current.life != life && socket.owner->previous.life != life) return;
        Flow flow;
        flow.key = {.cookie = socket.tuple.cookie, .life = life};
        flow.value.local = socket.tuple.local;
        flow.value.remote = socket.tuple.remote;
        flow.value.ifindex = socket.tuple.ifindex;
        flow.value.pid = socket.owner->pid;
        flow.value.inode = socket.inode;
        found.push_back(flow);
    });
    if (!dumped) return dumped.error();
    return found;
}

}  // namespace reseat::bpf
