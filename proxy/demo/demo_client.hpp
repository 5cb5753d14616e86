// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"

#include <cstdint>
#include <string_view>

namespace reseat::proxy {

enum class ClientKind { idle_tcp, busy_tcp, connected_udp, unconnected_udp };
inline constexpr ClientKind kClientKinds[] = {ClientKind::idle_tcp, ClientKind::busy_tcp,
                                              ClientKind::connected_udp, ClientKind::unconnected_udp};

/// "idle TCP", "connected UDP", ...
std::string_view to_string(ClientKind kind);

constexpr bool is_tcp(ClientKind kind) {
    return kind == ClientKind::idle_tcp || kind == ClientKind::busy_tcp;
}

/// What a client of the demo reports; written whole into the pipe of events.
struct ClientEvent {
    enum What : std::uint32_t {
        working,  ///< it was answered for the first time (connected UDP: sent its first datagram)
        told,     ///< its socket was ended: `error` is the errno, 0 for an end of stream
        back,     ///< it is answered again after `told`, or by another backend than at first
    };
    std::uint32_t client;
    What what;
    std::int32_t error;
    char server;         ///< first letter of the server's name; 0 where no server answered
    std::int64_t at_ns;  ///< std::chrono::steady_clock
};

/// One client: what an application does, and nothing to help it; no timeouts, no keep-alives.
struct ClientRole {
    std::uint32_t number = 0;
    ClientKind kind = ClientKind::idle_tcp;
    Endpoint dial;
    int go = -1;      ///< reads one byte here before it starts
    int events = -1;  ///< writes its events here
};

/// Plays `role` with blocking sockets until the process is killed.
[[noreturn]] void play(const ClientRole& role);

}  // namespace reseat::proxy
