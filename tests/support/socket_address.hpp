// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"

#include <sys/socket.h>

namespace reseat::test {

/// An endpoint, or its text; throws std::runtime_error for a text that is none.
struct Where : Endpoint {
    Where(const Endpoint& endpoint) : Endpoint(endpoint) {}
    Where(const char* text) : Endpoint(parse_endpoint(text).value()) {}
};

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;

    SocketAddress() = default;
    /// As a socket of `family` (AF_INET or AF_INET6) wants it: IPv4 is v4-mapped for AF_INET6.
    SocketAddress(const Endpoint& endpoint, int family);

    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    /// The unspecified endpoint when this is neither IPv4 nor IPv6.
    Endpoint endpoint() const;
};

}  // namespace reseat::test
