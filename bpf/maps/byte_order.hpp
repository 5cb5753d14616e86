// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "bpf/abi.h"

#include <functional>
#include <string_view>

#include <sys/socket.h>

/// The one C++ place that swaps bytes: between Endpoint (host order) and what the kernel reads.
namespace reseat::bpf {

lb_endpoint to_kernel(const Endpoint& endpoint, Protocol protocol);
Endpoint from_kernel(const lb_endpoint& endpoint);

/// IPv4 address of a v4-mapped endpoint, else its IPv6 address; `family` says as what a socket is given it:
/// AF_INET6 turns IPv4 into v4-mapped. Returns the length for connect() and bind().
socklen_t to_sockaddr(const lb_endpoint& endpoint, int family, sockaddr_storage& out);
lb_endpoint from_sockaddr(const sockaddr_storage& address, Protocol protocol);

bool is_v4(const lb_endpoint& endpoint);
bool same_address(const lb_endpoint& a, const lb_endpoint& b);
bool same_endpoint(const lb_endpoint& a, const lb_endpoint& b);

/// For unordered containers.
struct EndpointHash {
    std::size_t operator()(const lb_endpoint& endpoint) const {
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(&endpoint), sizeof(endpoint)});
    }
};
struct SameEndpoint {
    bool operator()(const lb_endpoint& a, const lb_endpoint& b) const { return same_endpoint(a, b); }
};

/// From sock_diag's id: `words_be` holds one word for AF_INET, four for AF_INET6.
lb_endpoint from_diag(int family, const __be32* words_be, __be16 port_be, std::uint8_t protocol);
/// Into sock_diag's id, AF_INET for v4-mapped. Returns the family.
int to_diag(const lb_endpoint& endpoint, __be32* words_be, __be16* port_be);

}  // namespace reseat::bpf
