// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/diag.hpp"

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

void search_and_end(DiagSearch& search, const ExactEnder& ender, Chunk& chunk) {
    const auto targets = pointers_to(chunk);
    const auto diag = ender.channel(targets);
    if (!diag) return;
    std::vector<Target*> there;
    for (Target* target : targets)
        if (search.locate(*diag, *target) && target->state == State::open) there.push_back(target);
    ender.end(*diag, there, false);
    // There a moment ago, and not found by its tuple: a twin with the same one, of another life, comes first.
    for (Target* target : there) {
        if (target->state != State::unseen || !target->flow.is_udp()) continue;
        target->state = State::hidden;
        target->stays("another socket has the same addresses");
    }
}

}  // namespace

const Result<DiagSearch::Sockets>& DiagSearch::connected_as(SockDiag& diag, const Flow& flow) {
    ByPeer& by_peer = by_namespace_[flow.netns];
    const lb_endpoint& peer = flow.remote;
    if (const auto known = by_peer.find(peer); known != by_peer.end()) return known->second;
    Sockets sockets;
    const DumpFilter filter{.protocol = peer.protocol,
                            .states = peer.protocol == IPPROTO_TCP ? kLiveTcpStates : kConnectedUdp,
                            .remote_port_be = peer.port_be};
    const auto dumped = diag.dump(filter, [&](const DiagSocket& socket) {
        if (same_endpoint(socket.tuple.remote, peer)) sockets.emplace(socket.tuple.cookie, socket);
    });
    auto result = dumped ? Result<Sockets>(std::move(sockets)) : Result<Sockets>(dumped.error());
    return by_peer.emplace(peer, std::move(result)).first->second;
}

bool DiagSearch::locate(SockDiag& diag, Target& target) {
    Flow& flow = target.flow;
    if (!sought_.insert(flow.cookie).second) return false;  // it is filed twice
    const auto& sockets = connected_as(diag, flow);
    if (!sockets) {
        target.stays(sockets.error().message);
        return false;
    }
    const auto found = sockets->find(flow.cookie);
    target.state = found == sockets->end() ? State::gone : State::open;
    if (target.state == State::gone) return true;
    flow.local = found->second.tuple.local;
    flow.ifindex = found->second.tuple.ifindex;
    flow.inode = found->second.inode;
    return true;
}

bool DiagEngine::takes(const Target& target, Round round) const {
    if (target.state == State::open) return true;
    if (target.state != State::unseen || round.listed) return false;
    // Of UDP sockets with one tuple only one is seen at a time: mostly the next look does it.
    return !target.flow.is_udp() || round.last || only_ || !target.flow.indexed();
}

HandleChunk DiagEngine::start(Round /*round*/) const {
    return [this, search = std::make_shared<DiagSearch>()](Chunk& chunk) {
        search_and_end(*search, ender_, chunk);
    };
}

}  // namespace reseat::bpf
