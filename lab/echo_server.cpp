// SPDX-License-Identifier: Apache-2.0
#include "lab/echo_server.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace reseat::lab {
namespace {

constexpr int kBacklog = 4096;
constexpr int kReceiveBuffer = 8 << 20;
constexpr int kBurst = 64;  ///< datagrams of one socket before the others get their turn

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), "echo server: " + what);
}

void set_option(int fd, int level, int name, int value) {
    setsockopt(fd, level, name, &value, sizeof value);
}

/// A bound socket of all addresses of `family`. No IPv6 here: none, and errno is EAFNOSUPPORT or
/// EADDRNOTAVAIL. The port is taken: none, EADDRINUSE.
UniqueFd bound_socket(int family, int type, std::uint16_t port) {
    UniqueFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fd;
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    if (family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (type == SOCK_STREAM) {
        set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    } else {
        set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer);
        if (family == AF_INET)
            set_option(fd.get(), IPPROTO_IP, IP_PKTINFO, 1);
        else
            set_option(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    }
    const bool ok = family == AF_INET6 ? ::bind(fd.get(), reinterpret_cast<sockaddr*>(&v6), sizeof v6) == 0
                                       : ::bind(fd.get(), reinterpret_cast<sockaddr*>(&v4), sizeof v4) == 0;
    if (!ok || (type == SOCK_STREAM && ::listen(fd.get(), kBacklog) != 0)) {
        const int error = errno;
        fd.reset();
        errno = error;
    }
    return fd;
}

std::uint16_t port_of(int fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
}

/// The answer leaves by any interface, from the same address.
void forget_interface(msghdr& message) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        const int none = 0;
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO)
            std::memcpy(CMSG_DATA(part) + offsetof(in_pktinfo, ipi_ifindex), &none, sizeof none);
        if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO)
            std::memcpy(CMSG_DATA(part) + offsetof(in6_pktinfo, ipi6_ifindex), &none, sizeof none);
    }
}

}  // namespace

EchoServer::EchoServer(std::string name, const NetNamespace& net, std::uint16_t port)
    : name_(std::move(name)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!epoll_ || !wake_) fail("epoll");
    {
        const auto inside = net.enter();
        // A port that is free for IPv4 TCP may be taken for the three others: try some.
        for (int attempt = 0; !bind_all(port); ++attempt)
            if (port != 0 || attempt == 50) fail("bind port " + std::to_string(port));
    }
    watch(Source::wake, wake_.get(), EPOLLIN, EPOLL_CTL_ADD);
    for (const auto& fd : listeners_) watch(Source::listener, fd.get(), EPOLLIN, EPOLL_CTL_ADD);
    for (const auto& fd : datagram_sockets_) watch(Source::datagrams, fd.get(), EPOLLIN, EPOLL_CTL_ADD);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are the main thread's business
    thread_ = std::thread([this] { serve(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

EchoServer::~EchoServer() {
    stop();
}

bool EchoServer::bind_all(std::uint16_t port) {
    listeners_.clear();
    datagram_sockets_.clear();
    port_ = port;
    for (const int family : {AF_INET, AF_INET6}) {
        for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
            UniqueFd fd = bound_socket(family, type, port_);
            if (!fd && family == AF_INET6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) continue;
            if (!fd) return false;
            if (port_ == 0) port_ = port_of(fd.get());
            (type == SOCK_STREAM ? listeners_ : datagram_sockets_).push_back(std::move(fd));
        }
    }
    return true;
}

void EchoServer::stop() {
    if (!thread_.joinable()) return;
    stop_ = true;
    wake();
    thread_.join();
    close_listeners();
    datagram_sockets_.clear();
    while (!connections_.empty()) close_connection(connections_.begin()->first);
}

void EchoServer::stop_listening() {
    if (!thread_.joinable()) return;
    stop_listening_ = true;
    wake();
    listening_.wait(true);
}

void EchoServer::wake() {
    const std::uint64_t one = 1;
    if (::write(wake_.get(), &one, sizeof one) != sizeof one && errno != EAGAIN) fail("wake");
}

void EchoServer::watch(Source source, int fd, std::uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = static_cast<std::uint64_t>(source) << 32 | static_cast<std::uint32_t>(fd);
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) fail("epoll_ctl");
}

void EchoServer::serve() {
    std::array<epoll_event, 256> events;
    while (!stop_) {
        const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
        for (int i = 0; i < count; ++i) {
            const std::uint64_t data = events[i].data.u64;
            handle(static_cast<Source>(data >> 32), static_cast<int>(data & 0xffffffff));
        }
        if (stop_listening_ && listening_) close_listeners();
    }
}

void EchoServer::handle(Source source, int fd) {
    switch (source) {
        case Source::wake: {
            std::uint64_t ignored;
            (void)!::read(fd, &ignored, sizeof ignored);
            return;
        }
        case Source::listener:
            return accept_from(fd);
        case Source::datagrams:
            return answer_datagrams(fd);
        case Source::connection:
            return answer_stream(fd);
    }
}

void EchoServer::accept_from(int listener) {
    while (true) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) pause_accepting(true);
            return;
        }
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        connections_.emplace(fd, std::string());
        watch(Source::connection, fd, EPOLLIN, EPOLL_CTL_ADD);
        ++accepted_;
        ++open_;
    }
}

void EchoServer::pause_accepting(bool pause) {
    if (paused_ == pause) return;
    paused_ = pause;
    for (const auto& fd : listeners_)
        watch(Source::listener, fd.get(), pause ? 0U : std::uint32_t{EPOLLIN}, EPOLL_CTL_MOD);
}

void EchoServer::answer_datagrams(int fd) {
    const std::string greeting = name_ + ":";
    std::array<char, 256> control;
    sockaddr_storage peer;
    for (int i = 0; i < kBurst; ++i) {
        iovec payload{buffer_.data(), buffer_.size()};
        msghdr message{&peer, sizeof peer, &payload, 1, control.data(), control.size(), 0};
        const ssize_t length = ::recvmsg(fd, &message, 0);
        if (length < 0) return;
        ++datagrams_;
        bytes_ += static_cast<std::uint64_t>(length);
        iovec answer[] = {{const_cast<char*>(greeting.data()), greeting.size()},
                          {buffer_.data(), static_cast<std::size_t>(length)}};
        message.msg_iov = answer;
        message.msg_iovlen = 2;
        forget_interface(message);
        ::sendmsg(fd, &message, MSG_NOSIGNAL);  // an answer that cannot be sent is lost, as UDP's are
    }
}

void EchoServer::answer_stream(int fd) {
    std::string& pending = connections_.at(fd);
    const bool waited = !pending.empty();  // the peer did not read: take no more from it until it does
    if (!waited) {
        const ssize_t length = ::recv(fd, buffer_.data(), buffer_.size(), 0);
        if (length < 0 && errno == EAGAIN) return;
        if (length <= 0) return close_connection(fd);
        bytes_ += static_cast<std::uint64_t>(length);
        pending = name_ + ":";
        pending.append(buffer_.data(), static_cast<std::size_t>(length));
    }
    const ssize_t sent = ::send(fd, pending.data(), pending.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return close_connection(fd);
    if (sent > 0) pending.erase(0, static_cast<std::size_t>(sent));
    if (waited == pending.empty())
        watch(Source::connection, fd, pending.empty() ? std::uint32_t{EPOLLIN} : std::uint32_t{EPOLLOUT},
              EPOLL_CTL_MOD);
}

void EchoServer::close_connection(int fd) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd,
                nullptr);  // close() alone is not enough when a child has a copy
    connections_.erase(fd);
    ::close(fd);
    --open_;
    if (paused_) pause_accepting(false);
}

void EchoServer::close_listeners() {
    listeners_.clear();
    listening_ = false;
    listening_.notify_all();
}

}  // namespace reseat::lab
