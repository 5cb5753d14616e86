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

void set_option(int fd, int level, int name, int value) {
    if (value) setsockopt(fd, level, name, &value, sizeof(value));
}

template <class T>
std::string bytes_of(const T& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
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

bool is_v6_loopback(const sockaddr_storage& name) {
    return name.ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(name).sin6_addr);
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

SourceAddress::Question SourceAddress::question(int fd, const Flow& flow, const lb_endpoint& to) {
    return {.netns = flow.netns,
            .family = option(fd, SOL_SOCKET, SO_DOMAIN),
            .device = option(fd, SOL_SOCKET, SO_BINDTOIFINDEX),
            .mark = option(fd, SOL_SOCKET, SO_MARK),
            .transparent = option(fd, IPPROTO_IP, IP_TRANSPARENT),
            .to = bytes_of(to),
            .own = {}};
}

Result<lb_endpoint> SourceAddress::fresh(int fd, const Flow& flow, const lb_endpoint& to) {
    const Question asked = question(fd, flow, to);
    if (const auto known = fresh_.find(asked); known != fresh_.end()) return known->second;
    return fresh_.emplace(asked, ask_fresh(asked, to)).first->second;
}

Result<void> SourceAddress::check_own(int fd, const Flow& flow, const lb_endpoint& to) {
    Question asked = question(fd, flow, to);
    sockaddr_storage own = name_of(fd);
    port_of(own) = 0;
    asked.own = bytes_of(own);
    if (const auto known = own_.find(asked); known != own_.end()) return known->second;
    return own_.emplace(asked, ask_own(asked, own, to)).first->second;
}

Result<UniqueFd> SourceAddress::probe(const Question& like) const {
    UniqueFd probe;
    int error = 0;
    const bool inside = namespaces_.run_inside(like.netns, [&] {
        probe.reset(socket(like.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        error = errno;
    });
    if (!probe) return system_error("socket in its network namespace", inside ? error : EPERM);
    mark_(probe.get());
    set_option(probe.get(), SOL_SOCKET, SO_BINDTOIFINDEX, like.device);
    set_option(probe.get(), SOL_SOCKET, SO_MARK, like.mark);
    set_option(probe.get(), IPPROTO_IP, IP_TRANSPARENT, like.transparent);
    return probe;
}

Result<lb_endpoint> SourceAddress::ask_fresh(const Question& like, const lb_endpoint& to) const {
    const auto socket = probe(like);
    if (!socket) return socket.error();
    if (const int refused = connect_to_endpoint(socket->get(), to))
        return system_error("connect a test socket", refused);
    return local_of(socket->get());
}

Result<void> SourceAddress::ask_own(const Question& like, sockaddr_storage own, const lb_endpoint& to) const {
    const auto socket = probe(like);
    if (!socket) return socket.error();
    if (const int error = bind_to(socket->get(), own)) return system_error("bind to it", error);
    if (const int error = connect_to_endpoint(socket->get(), to)) return system_error("connect", error);
    // From ::1 to another host the kernel connects a socket whose datagrams then go nowhere.
    if (!is_v6_loopback(own)) return {};
    const auto there = probe(like);
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
