// SPDX-License-Identifier: Apache-2.0
#include "proxy/demo/demo_client.hpp"

#include "base/handles.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace reseat::proxy {
namespace {

constexpr unsigned kPauseMicroseconds = 5000;  ///< between two requests or datagrams
constexpr int kAnswerMilliseconds = 5;         ///< how long the unconnected client waits before it asks again

sockaddr_in address_of(const Endpoint& endpoint) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.address.bytes.data() + 12, 4);
    return address;
}

void tell(const ClientRole& role, ClientEvent::What what, int error, char server) {
    const ClientEvent event{
        role.number, what, error, server,
        std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1)};
    [[maybe_unused]] const auto written = ::write(role.events, &event, sizeof event);
}

UniqueFd connected(const ClientRole& role, int type) {
    UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const sockaddr_in address = address_of(role.dial);
    while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        ::usleep(kPauseMicroseconds);
    return fd;
}

/// Asks once; the first letter of the answer, 0 when the connection ended (errno is 0 for an end of stream).
char ask(int fd) {
    if (::send(fd, "hello", 5, MSG_NOSIGNAL) < 0) return 0;
    std::array<char, 64> answer{};
    const auto length = ::recv(fd, answer.data(), answer.size(), 0);
    if (length > 0) return answer[0];
    if (length == 0) errno = 0;
    return 0;
}

/// Waits for something to read, as a client does that has nothing to say; returns the socket's error.
int wait_for_end(int fd) {
    char byte = 0;
    return ::recv(fd, &byte, 1, 0) < 0 ? errno : 0;
}

int keep_asking(int fd) {
    while (ask(fd) != 0) ::usleep(kPauseMicroseconds);
    return errno;
}

[[noreturn]] void play_tcp(const ClientRole& role) {
    ClientEvent::What answered = ClientEvent::working;
    while (true) {
        const UniqueFd fd = connected(role, SOCK_STREAM);
        const char server = ask(fd.get());
        if (server == 0) continue;
        tell(role, answered, 0, server);
        const int error = role.kind == ClientKind::idle_tcp ? wait_for_end(fd.get()) : keep_asking(fd.get());
        tell(role, ClientEvent::told, error, 0);
        answered = ClientEvent::back;
    }
}

/// As a metrics library: connects once, sends, never reads.
[[noreturn]] void play_connected_udp(const ClientRole& role) {
    const UniqueFd fd = connected(role, SOCK_DGRAM);
    bool first = true;
    while (true) {
        const auto sent = ::send(fd.get(), "requests:1|c", 12, MSG_NOSIGNAL);
        if (sent > 0 && std::exchange(first, false)) tell(role, ClientEvent::working, 0, 0);
        if (sent < 0) tell(role, ClientEvent::told, errno, 0);
        ::usleep(kPauseMicroseconds);
    }
}

[[noreturn]] void play_unconnected_udp(const ClientRole& role) {
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = address_of(role.dial);
    char first = 0;
    bool moved = false;
    while (true) {
        ::sendto(fd.get(), "who", 3, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
        pollfd readable{fd.get(), POLLIN, 0};
        if (::poll(&readable, 1, kAnswerMilliseconds) != 1) continue;
        std::array<char, 64> answer{};
        if (::recv(fd.get(), answer.data(), answer.size(), 0) <= 0) continue;
        if (first == 0) tell(role, ClientEvent::working, 0, first = answer[0]);
        if (answer[0] != first && !std::exchange(moved, true)) tell(role, ClientEvent::back, 0, answer[0]);
        ::usleep(kPauseMicroseconds);
    }
}

}  // namespace

std::string_view to_string(ClientKind kind) {
    switch (kind) {
        case ClientKind::idle_tcp:
            return "idle TCP";
        case ClientKind::busy_tcp:
            return "busy TCP";
        case ClientKind::connected_udp:
            return "connected UDP";
        case ClientKind::unconnected_udp:
            return "unconnected UDP";
    }
    return "";
}

void play(const ClientRole& role) {
    char byte = 0;
    if (::read(role.go, &byte, 1) != 1) ::_exit(0);
    switch (role.kind) {
        case ClientKind::idle_tcp:
        case ClientKind::busy_tcp:
            play_tcp(role);
        case ClientKind::connected_udp:
            play_connected_udp(role);
        case ClientKind::unconnected_udp:
            play_unconnected_udp(role);
    }
    ::_exit(1);
}

}  // namespace reseat::proxy
