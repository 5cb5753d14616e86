// SPDX-License-Identifier: Apache-2.0
#include "tests/support/client.hpp"

#include "tests/support/socket_list.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>

namespace reseat::test {
namespace {

using Clock = std::chrono::steady_clock;

/// A datagram may be lost, also by a machine that is busy.
constexpr milliseconds kResend = std::chrono::seconds(1);

milliseconds left(Clock::time_point deadline) {
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(deadline - Clock::now()));
}

int errno_if(bool failed) {
    return failed ? errno : 0;
}

}  // namespace

Client::Client(UniqueFd fd) : fd_(std::move(fd)) {
    family_ = option(SO_DOMAIN);
    stream_ = option(SO_TYPE) == SOCK_STREAM;
}

int Client::option(int name) const {
    int value = 0;
    socklen_t length = sizeof value;
    ::getsockopt(fd_.get(), SOL_SOCKET, name, &value, &length);
    return value;
}

bool Client::poll_for(short events, milliseconds within) const {
    pollfd entry{fd_.get(), events, 0};
    return ::poll(&entry, 1, static_cast<int>(within.count())) == 1;
}

int Client::bind(const Where& local) {
    const SocketAddress address(local, family_);
    return errno_if(::bind(fd_.get(), address.get(), address.length) != 0);
}

int Client::connect(const Where& to, milliseconds within) {
    const int error = connect_nonblocking(to);
    return error == EINPROGRESS ? finish_connect(within) : error;
}

int Client::connect_nonblocking(const Where& to) {
    const SocketAddress address(to, family_);
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    ::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
    const int error = errno_if(::connect(fd_.get(), address.get(), address.length) != 0);
    ::fcntl(fd_.get(), F_SETFL, flags);
    return error;
}

int Client::finish_connect(milliseconds within) {
    return poll_for(POLLOUT, within) ? pending_error() : ETIMEDOUT;
}

int Client::disconnect() {
    const sockaddr nobody{AF_UNSPEC, {}};
    return errno_if(::connect(fd_.get(), &nobody, sizeof nobody) != 0);
}

int Client::send(std::string_view text) {
    return errno_if(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0);
}

int Client::send_to(const Where& to, std::string_view text) {
    const SocketAddress address(to, family_);
    return errno_if(::sendto(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT, address.get(),
                             address.length) < 0);
}

Received Client::recv(milliseconds within) {
    Received received;
    if (!poll_for(POLLIN, within)) return {EAGAIN, {}, {}};
    std::array<char, 65536> buffer;
    SocketAddress from;
    const ssize_t length =
        ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT, from.get(), &from.length);
    if (length < 0) return {errno, {}, {}};
    received.text.assign(buffer.data(), static_cast<std::size_t>(length));
    if (!stream_ && from.length > 0) received.from = from.endpoint();
    return received;
}

int Client::recv_error(milliseconds within) {
    return recv(within).error;
}

int Client::pending_error() {
    return option(SO_ERROR);
}

std::string Client::echo(std::string_view text, milliseconds within) {
    const auto deadline = Clock::now() + within;
    const std::string ending = ":" + std::string(text);
    if (send(text) != 0) return {};
    std::string answer;
    while (true) {
        const Received received = recv(stream_ ? left(deadline) : std::min(left(deadline), kResend));
        if (received.error == EAGAIN && !stream_ && left(deadline) > milliseconds(0) && send(text) == 0)
            continue;
        if (received.error != 0 || (stream_ && received.text.empty())) return {};
        answer = stream_ ? answer + received.text : received.text;
        if (answer.ends_with(ending)) return answer.substr(0, answer.find(':'));
    }
}

bool Client::is_silent(milliseconds during) {
    return !poll_for(POLLIN | POLLRDHUP, during);
}

std::optional<Endpoint> Client::peer() const {
    SocketAddress address;
    if (::getpeername(fd_.get(), address.get(), &address.length) != 0) return std::nullopt;
    return address.endpoint();
}

std::optional<Endpoint> Client::actual_peer() const {
    const auto info = inspect_socket(fd_.get());
    if (!info || info->peer.port == 0) return std::nullopt;
    return info->peer;
}

std::optional<Endpoint> Client::local() const {
    SocketAddress address;
    if (::getsockname(fd_.get(), address.get(), &address.length) != 0) return std::nullopt;
    return address.endpoint();
}

std::uint64_t Client::cookie() const {
    std::uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length);
    return cookie;
}

}  // namespace reseat::test
