// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/descriptor.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/sockets/owned_sockets.hpp"
#include "bpf/sockets/process_sockets.hpp"
#include "bpf/sockets/sock_diag.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reseat::bpf {
namespace {

bool is_live_tcp(int fd) {
    tcp_info info{};
    socklen_t length = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
           (kLiveTcpStates & 1u << (info.tcpi_state & 31));
}

/// What getpeername() says: the address that was dialled, where one of the records names the actual peer.
bool dialled_alone(const lb_record& record, const lb_record& other, const lb_endpoint& told) {
    return same_endpoint(told, record.dialled) && !(other.life && same_endpoint(told, other.dialled));
}

/// Is the socket connected to the backend as part of that life? `open`: it cannot be determined.
State judge(const Programs& programs, int fd, lb::LifeId life, bool udp) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    // First: our program makes the record follow the peer, where several threads connected the socket at
    // once.
    const bool connected = getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
    lb_owner owner{};
    if (bpf_map_lookup_elem(programs.owner_fd(), &fd, &owner) != 0) return State::gone;
    if (!udp) return owner.current.life == life && is_live_tcp(fd) ? State::ended : State::gone;
    if (!connected) return State::gone;
    const lb_endpoint told = from_sockaddr(peer, Protocol::udp);
    const auto& [current, previous] = std::tie(owner.current, owner.previous);
    if (current.life == life && dialled_alone(current, previous, told)) return State::ended;
    if (previous.life == life && dialled_alone(previous, current, told)) return State::ended;
    if (!same_endpoint(told, current.dialled) && !same_endpoint(told, previous.dialled)) return State::gone;
    return State::open;
}

void end_socket(const Programs& programs, ProcessSockets& sockets, Target& target) {
    const Flow& flow = target.flow;
    std::string why;
    const UniqueFd fd = sockets.duplicate(flow, why);
    if (!fd) return target.stays(why);
    const int number = fd.get();
    if (target.state != State::multipath && cookie_of(number) == flow.cookie) {
        const State judged = judge(programs, number, flow.life, flow.is_udp());
        if (judged == State::open)
            return target.stays("the backend of the socket cannot be determined from outside");
        if (judged == State::gone) {
            target.state = State::gone;
            return;
        }
    }
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (connect(number, &nobody, sizeof(nobody)) != 0)
        return target.stays(std::string("connect(AF_UNSPEC): ") + std::strerror(errno));
    target.state = State::ended;
}

}  // namespace

bool DescriptorEngine::takes(const Target& target, Round /*round*/) const {
    if (target.state == State::undecided || !target.flow.life) return false;
    return only_ || target.state == State::multipath || target.state == State::hidden ||
           target.state == State::unreachable;
}

HandleChunk DescriptorEngine::start(Round /*round*/) const {
    return [programs = programs_, sockets = std::make_shared<ProcessSockets>(cgroup_)](Chunk& chunk) {
        for (Target& target : chunk) end_socket(*programs, *sockets, target);
    };
}

}  // namespace reseat::bpf
