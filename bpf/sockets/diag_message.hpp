// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/socket_tuple.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

struct inet_diag_req_v2;

/// What goes to and comes from sock_diag, as bytes: no socket is touched here.
namespace reseat::bpf {

/// One socket as sock_diag shows it.
struct DiagSocket {
    SocketTuple tuple;
    std::uint8_t state = 0;
    std::uint32_t inode = 0;   ///< of the application's descriptor; 0: closed
    std::uint64_t cgroup = 0;  ///< id of the one that it was created in; 0: not reported (before Linux 5.9)
    std::uint32_t unread = 0;  ///< bytes in its receive queue
    std::uint32_t unsent = 0;  ///< bytes not sent or not acknowledged
    bool multipath = false;    ///< part of a Multipath TCP connection that did not fall back to TCP
    /// TCP, where it was asked for: how long ago data was sent or received.
    std::optional<std::chrono::milliseconds> idle;
};

/// One netlink message of an answer.
struct DiagMessage {
    enum class Kind { socket, error, done, other };
    Kind kind = Kind::other;
    std::uint32_t sequence = 0;
    bool interrupted = false;  ///< of a dump that the kernel says has missed something
    int error = 0;             ///< errno of `error` (0: acknowledged) and `done`
    DiagSocket socket;
};

/// Calls `visit` for each whole message among `bytes`, which start at a multiple of 4. A message that is cut
/// off or too short for its type is left out or `other`.
void read_diag_messages(std::span<const std::uint8_t> bytes, std::uint8_t protocol,
                        const std::function<void(const DiagMessage&)>& visit);

/// The request for exactly this socket, in all states. `details`: ask for DiagSocket::idle too, for which the
/// kernel takes the socket's lock. A raw socket is one whose addresses have the protocol IPPROTO_RAW and
/// whose local port is its real protocol, which is how sock_diag shows it.
inet_diag_req_v2 diag_request(const SocketTuple& tuple, bool details);

}  // namespace reseat::bpf
