// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/diag.hpp"

#include "bpf/byte_order.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <unordered_map>

#include <netinet/in.h>
#include <unistd.h>

namespace reseat::bpf {

namespace {

using Owners = std::unordered_map<std::uint64_t, lb_owner>;

/// The owner records that name the life, by the cookies of their sockets.
lb::Result<Owners> owners_of_life(const Programs& programs, lb::LifeId life) {
    struct Entry {
        std::uint64_t cookie;
        lb_owner owner;
    };
    auto fd = programs.iterate_owned();
    if (!fd) return fd.error();
    Owners owners;
    std::vector<std::uint8_t> buffer(64 * 1024);
    std::size_t filled = 0;
    while (true) {
        const ssize_t length = read(fd->get(), buffer.data() + filled, buffer.size() - filled);
        if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;  // EAGAIN: 1,000,000 were seen
        if (length < 0) return lb::system_error("read the owners of sockets", errno);
        if (length == 0) return owners;
        filled += static_cast<std::size_t>(length);
        std::size_t at = 0;
        for (; filled - at >= sizeof(Entry); at += sizeof(Entry)) {
            Entry entry;
            std::memcpy(&entry, buffer.data() + at, sizeof(entry));
            if (entry.owner.current.life == life || entry.owner.previous.life == life)
                owners.emplace(entry.cookie, entry.owner);
        }
        std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(at),
                  buffer.begin() + static_cast<std::ptrdiff_t>(filled), buffer.begin());
        filled -= at;
    }
}

}  // namespace

lb::Result<std::vector<Flow>> find_by_owner(SockDiag& diag, const Programs& programs,
                                            const lb_backend& backend, lb::LifeId life) {
    const auto owners = owners_of_life(programs, life);
    if (!owners) return owners.error();
    std::vector<Flow> found;
    const std::uint8_t protocol = backend.endpoint.protocol;
    const DumpFilter filter{.protocol = protocol,
                            .states = protocol == IPPROTO_TCP ? kLiveTcpStates : kConnectedUdp,
                            .remote_port_be = backend.endpoint.port_be};
    auto dumped = diag.dump(filter, [&](const DiagSocket& socket) {
        const auto owner = owners->find(socket.tuple.cookie);
        if (owner == owners->end() || !same_endpoint(socket.tuple.remote, backend.endpoint)) return;
        // Both records may name this address, when another life of it followed: the newer one is true then.
        const auto& [current, previous] = std::tie(owner->second.current, owner->second.previous);
        if ((same_endpoint(current.peer, socket.tuple.remote) ? current : previous).life != life) return;
        Flow flow;
        flow.key = {.cookie = socket.tuple.cookie, .life = life};
        flow.value.local = socket.tuple.local;
        flow.value.remote = socket.tuple.remote;
        flow.value.ifindex = socket.tuple.ifindex;
        flow.value.pid = owner->second.pid;
        flow.value.inode = socket.inode;
        found.push_back(flow);
    });
    if (!dumped) return dumped.error();
    return found;
}

}  // namespace reseat::bpf
