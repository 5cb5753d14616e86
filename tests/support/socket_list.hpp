// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace reseat::test {

/// One socket as the kernel has it, untranslated: what `ss` shows.
struct SocketInfo {
    Protocol protocol = Protocol::tcp;
    Family family = Family::v4;  ///< of the socket: v6 also when it holds v4-mapped addresses
    int state = 0;               ///< TCP_ESTABLISHED, TCP_LISTEN, ...; connected UDP is ESTABLISHED
    Endpoint local;
    Endpoint peer;
    std::uint32_t inode = 0;  ///< 0: no descriptor any more
    std::uint64_t cookie = 0;
    std::uint32_t uid = 0;
    std::uint32_t device = 0;  ///< interface index when bound to one
};

/// All sockets of one kind in the calling thread's network namespace. Throws std::system_error.
std::vector<SocketInfo> list_sockets(Protocol protocol, Family family);
/// TCP and UDP, IPv4 and IPv6.
std::vector<SocketInfo> list_sockets();

/// The kernel's record of this TCP or UDP socket, in whichever namespace it lives; none when the kernel
/// lists it no more (closed, never bound). Needs CAP_NET_ADMIN. Throws std::system_error.
std::optional<SocketInfo> inspect_socket(int fd);

}  // namespace reseat::test
