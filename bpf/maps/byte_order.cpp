// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/byte_order.hpp"

#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace reseat::bpf {
namespace {

lb_endpoint mapped(__be32 v4_be) {
    lb_endpoint endpoint{};
    endpoint.addr_be[2] = htonl(0xffff);
    endpoint.addr_be[3] = v4_be;
    return endpoint;
}

std::uint8_t number_of(Protocol protocol) {
    return protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP;
}

}  // namespace

lb_endpoint to_kernel(const Endpoint& endpoint, Protocol protocol) {
    lb_endpoint out{};
    std::memcpy(out.addr_be, endpoint.address.bytes.data(), sizeof(out.addr_be));
    out.port_be = htons(endpoint.port);
    out.protocol = number_of(protocol);
    return out;
}

Endpoint from_kernel(const lb_endpoint& endpoint) {
    Endpoint out;
    std::memcpy(out.address.bytes.data(), endpoint.addr_be, sizeof(endpoint.addr_be));
    out.port = ntohs(endpoint.port_be);
    return out;
}

bool is_v4(const lb_endpoint& endpoint) {
    return endpoint.addr_be[0] == 0 && endpoint.addr_be[1] == 0 && endpoint.addr_be[2] == htonl(0xffff);
}

bool same_address(const lb_endpoint& a, const lb_endpoint& b) {
    return std::memcmp(a.addr_be, b.addr_be, sizeof(a.addr_be)) == 0;
}

bool same_endpoint(const lb_endpoint& a, const lb_endpoint& b) {
    return same_address(a, b) && a.port_be == b.port_be && a.protocol == b.protocol;
}

socklen_t to_sockaddr(const lb_endpoint& endpoint, int family, sockaddr_storage& out) {
    std::memset(&out, 0, sizeof(out));
    if (family == AF_INET) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(out);
        v4.sin_family = AF_INET;
        v4.sin_port = endpoint.port_be;
        v4.sin_addr.s_addr = endpoint.addr_be[3];
        return sizeof(v4);
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = endpoint.port_be;
    std::memcpy(&v6.sin6_addr, endpoint.addr_be, sizeof(endpoint.addr_be));
    return sizeof(v6);
}

lb_endpoint from_sockaddr(const sockaddr_storage& address, Protocol protocol) {
    lb_endpoint out{};
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        out = mapped(v4.sin_addr.s_addr);
        out.port_be = v4.sin_port;
    } else {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        std::memcpy(out.addr_be, &v6.sin6_addr, sizeof(out.addr_be));
        out.port_be = v6.sin6_port;
    }
    out.protocol = number_of(protocol);
    return out;
}

lb_endpoint from_diag(int family, const __be32* words_be, __be16 port_be, std::uint8_t protocol) {
    lb_endpoint out{};
    if (family == AF_INET)
        out = mapped(words_be[0]);
    else
        std::memcpy(out.addr_be, words_be, sizeof(out.addr_be));
    out.port_be = port_be;
    out.protocol = protocol;
    return out;
}

int to_diag(const lb_endpoint& endpoint, __be32* words_be, __be16* port_be) {
    *port_be = endpoint.port_be;
    if (is_v4(endpoint)) {
        words_be[0] = endpoint.addr_be[3];
        words_be[1] = words_be[2] = words_be[3] = 0;
        return AF_INET;
    }
    std::memcpy(words_be, endpoint.addr_be, sizeof(endpoint.addr_be));
    return AF_INET6;
}

}  // namespace reseat::bpf
