// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/descriptor.hpp"

#include "bpf/maps/byte_order.hpp"
#include "bpf/sockets/owned_sockets.hpp"
#include "bpf/sockets/process_sockets.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reseat::bpf {
namespace {

enum class Fate { ended, gone, failed };
struct Outcome {
    Fate fate = Fate::failed;
    std::string why;
};

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

/// Is the socket connected to the backend as part of that life?
Outcome judge(const Programs& programs, int fd, lb::LifeId life, bool udp) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    // First: our program makes the record follow the peer, where several threads connected the socket at
    // once.
    const bool connected = getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
    lb_owner owner{};
    if (bpf_map_lookup_elem(programs.owner_fd(), &fd, &owner) != 0) return {Fate::gone, ""};
    if (!udp) return {owner.current.life == life && is_live_tcp(fd) ? Fate::ended : Fate::gone, ""};
    if (!connected) return {Fate::gone, ""};
    const lb_endpoint told = from_sockaddr(peer, Protocol::udp);
    const auto& [current, previous] = std::tie(owner.current, owner.previous);
    if (current.life == life && dialled_alone(current, previous, told)) return {Fate::ended, ""};
    if (previous.life == life && dialled_alone(previous, current, told)) return {Fate::ended, ""};
    if (!same_endpoint(told, current.dialled) && !same_endpoint(told, previous.dialled))
        return {Fate::gone, ""};
    return {Fate::failed, "the backend of the socket cannot be determined from outside"};
}

Outcome end_socket(const Programs& programs, ProcessSockets& sockets, const Flow& flow) {
    Outcome outcome;
    const UniqueFd fd = sockets.duplicate(flow, outcome.why);
    if (!fd) return outcome;
    const int number = fd.get();
    if (!flow.multipath && cookie_of(number) == flow.cookie) {
        outcome = judge(programs, number, flow.life, flow.is_udp());
        if (outcome.fate != Fate::ended) return outcome;
    }
    const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
    if (connect(number, &nobody, sizeof(nobody)) != 0)
        return {Fate::failed, std::string("connect(AF_UNSPEC): ") + std::strerror(errno)};
    return {Fate::ended, ""};
}

}  // namespace

void DescriptorEngine::end(Ending& ending) {
    std::vector<Flow> mine;
    std::erase_if(ending.open, [&](const Flow& flow) {
        const bool takes = only_ || flow.multipath || flow.hidden || !ending.diag;
        if (takes) mine.push_back(flow);
        return takes;
    });
    const auto sockets = std::make_shared<ProcessSockets>(cgroup_);
    for (const Flow& flow : mine) {
        const auto outcome = ending.baton.blocking({&flow, 1}, [programs = programs_, sockets, copy = flow] {
            return end_socket(*programs, *sockets, copy);
        });
        switch (outcome.fate) {
            case Fate::ended:
                ending.ended(flow);
                break;
            case Fate::gone:
                ending.gone(flow);
                break;
            case Fate::failed:
                ending.stays(flow, outcome.why);
        }
    }
}

}  // namespace reseat::bpf
