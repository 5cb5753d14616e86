// SPDX-License-Identifier: Apache-2.0
#include "bpf/orders/source_address.hpp"

#include "bpf/maps/byte_order.hpp"

#include <cerrno>

#include <netinet/in.h>

namespace reseat::bpf {
namespace {

#ifndef SO_BINDTOIFINDEX
constexpr int SO_BINDTOIFINDEX = 62;
#endif

int option(int fd, int level, int name) {
    int value = 0;
    socklen_t length = sizeof(value);
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : 0;
}

void copy_option(int from, int to, int level, int name) {
    if (const int value = option(from, level, name)) setsockopt(to, level, name, &value, sizeof(value));
}

socklen_t size_of(const sockaddr_storage& name) {
    return name.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

/// Where both have it.
in_port_t& port_of(sockaddr_storage& name) {
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    return reinterpret_cast<sockaddr_in&>(name).sin_port;
}

int bind_to(int fd, const sockaddr_storage& name) {
    return bind(fd, reinterpret_cast<const sockaddr*>(&name), size_of(name)) == 0 ? 0 : errno;
}

bool is_v6_loopback(const lb_endpoint& endpoint) {
    sockaddr_storage address;
    to_sockaddr(endpoint, AF_INET6, address);
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<sockaddr_in6&>(address).sin6_addr);
}

}  // namespace

sockaddr_storage name_of(int fd) {
    sockaddr_storage name{};
    socklen_t length = sizeof(name);
    getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length);
    return name;
}

lb_endpoint local_of(int fd) {
    return from_sockaddr(name_of(fd), Protocol::udp);
}

int connect_to_endpoint(int fd, const lb_endpoint& to) {
    sockaddr_storage address;
    const socklen_t length = to_sockaddr(to, option(fd, SOL_SOCKET, SO_DOMAIN), address);
    return connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
}

Result<UniqueFd> SourceAddress::probe(int fd, const Flow& flow) const {
    UniqueFd probe;
    int error = 0;
    const int family = option(fd, SOL_SOCKET, SO_DOMAIN);
    const bool inside = namespaces_.run_inside(flow.netns, [&] {
        probe.reset(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        error = errno;
    });
    if (!probe) return system_error("socket in its network namespace", inside ? error : EPERM);
    mark_(probe.get());
    copy_option(fd, probe.get(), SOL_SOCKET, SO_BINDTOIFINDEX);
    copy_option(fd, probe.get(), SOL_SOCKET, SO_MARK);
    copy_option(fd, probe.get(), IPPROTO_IP, IP_TRANSPARENT);
    return probe;
}

Result<lb_endpoint> SourceAddress::fresh(int fd, const Flow& flow, const lb_endpoint& to) const {
    const auto socket = probe(fd, flow);
    if (!socket) return socket.error();
    if (const int refused = connect_to_endpoint(socket->get(), to))
        return system_error("connect a test socket", refused);
    return local_of(socket->get());
}

Result<void> SourceAddress::check_own(int fd, const Flow& flow, const lb_endpoint& to) const {
    const auto socket = probe(fd, flow);
    if (!socket) return socket.error();
    sockaddr_storage name = name_of(fd);
    port_of(name) = 0;
    if (const int error = bind_to(socket->get(), name)) return system_error("bind to it", error);
    if (const int error = connect_to_endpoint(socket->get(), to)) return system_error("connect", error);
    // From ::1 to another host the kernel connects a socket whose datagrams then go nowhere.
    if (!is_v6_loopback(local_of(fd))) return {};
    const auto there = probe(fd, flow);
    if (!there) return there.error();
    sockaddr_storage destination;
    lb_endpoint at_any_port = to;
    at_any_port.port_be = 0;
    to_sockaddr(at_any_port, AF_INET6, destination);
    if (bind_to(there->get(), destination)) return system_error("connect", EINVAL);
    return {};
}

BoundName::BoundName(int fd)
    : fd_(fd), name_(name_of(fd)), device_(option(fd, SOL_SOCKET, SO_BINDTOIFINDEX)) {}

Result<void> BoundName::restore() const {
    if (device_ && setsockopt(fd_, SOL_SOCKET, SO_BINDTOIFINDEX, &device_, sizeof(device_)) != 0)
        return system_error("bind to its device again", errno);
    sockaddr_storage now = name_of(fd_);
    if (port_of(now)) return {};
    sockaddr_storage before = name_;
    port_of(now) = port_of(before);
    if (const int error = bind_to(fd_, now)) return system_error("bind the old port again", error);
    return {};
}

}  // namespace reseat::bpf
