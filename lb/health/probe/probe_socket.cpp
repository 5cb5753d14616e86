// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/probe_socket.hpp"

#include "base/printable.hpp"
#include "base/race.hpp"

#include <boost/asio/error.hpp>
#include <fmt/format.h>

#include <cerrno>
#include <new>

#include <sys/socket.h>
#include <unistd.h>

namespace reseat::lb {
namespace {

using std::chrono::steady_clock;

ProbeResult timed_out(Duration timeout, const Progress& progress) {
    const auto after = to_text(timeout);
    if (progress.received > 0)
        return {ProbeOutcome::answered_badly,
                fmt::format("answer incomplete after {} ({} bytes)", after, progress.received)};
    if (progress.connected)
        return {ProbeOutcome::unresponsive, fmt::format("connected, but no answer within {}", after)};
    return {ProbeOutcome::no_answer, fmt::format("no answer within {}", after)};
}

void rethrow_cancellation(const error_code& error) {
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
}

bool is_unreachable(int number) {
    switch (number) {
        case ETIMEDOUT:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EHOSTDOWN:
        case ENETDOWN:
        case ENONET:
        case EACCES:  // how ICMPv6 "administratively prohibited" is reported
            return true;
        default:
            return false;
    }
}

ProbeResult unreachable(const error_code& error) {
    if (error.value() == EHOSTUNREACH) return {ProbeOutcome::no_answer, "no route to host"};
    if (error.value() == ETIMEDOUT) return {ProbeOutcome::no_answer, "no answer"};
    return {ProbeOutcome::no_answer, error.message()};
}

template <class Socket>
error_code open_for(Socket& socket, const typename Socket::protocol_type& protocol,
                    const SocketPreparer& prepare) {
    error_code error;
    // Asio's own open() would let the descriptor leak into the programs that we start.
    const int descriptor =
        ::socket(protocol.family(), protocol.type() | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol.protocol());
    if (descriptor < 0) return {errno, boost::system::system_category()};
    socket.assign(protocol, descriptor, error);
    if (error) {
        ::close(descriptor);
        return error;
    }
    try {
        if (prepare) prepare(descriptor);
    } catch (const std::exception&) {
        error = {ENOTSUP, boost::system::system_category()};
        socket.close();
    }
    return error;
}

template <class Protocol>
typename Protocol::endpoint to_asio(const Endpoint& endpoint) {
    const auto& bytes = endpoint.address.bytes;
    if (endpoint.address.family() == Family::v4)
        return {asio::ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]}), endpoint.port};
    return {asio::ip::address_v6(bytes), endpoint.port};
}

}  // namespace

Task<ProbeResult> within(Duration timeout, Progress& progress, Task<ProbeResult> attempt) {
    const auto start = steady_clock::now();
    ProbeResult result;
    try {
        auto finished = co_await with_timeout(timeout, std::move(attempt));
        progress.timed_out = !finished;
        result = finished ? std::move(*finished) : timed_out(timeout, progress);
    } catch (const std::bad_alloc&) {
        result = {ProbeOutcome::not_probed, "out of memory"};
    }
    result.latency = steady_clock::now() - start;
    result.timed_out = progress.timed_out;
    co_return result;
}

std::string to_text(Duration duration) {
    using namespace std::chrono;
    if (duration % 1s == 0s) return fmt::format("{}s", duration / 1s);
    if (duration % 1ms == 0s) return fmt::format("{}ms", duration / 1ms);
    return fmt::format("{}us", duration / 1us);
}

std::string abbreviated(std::string_view text) {
    constexpr std::size_t most = 80;
    const auto shown = beginning(text, most);
    return printable(shown) + (shown.size() < text.size() ? "..." : "");
}

ProbeResult connect_failure(const error_code& error) {
    rethrow_cancellation(error);
    if (error.value() == ECONNREFUSED) return {ProbeOutcome::refused, "connection refused"};
    if (error.value() == ECONNRESET) return {ProbeOutcome::refused, "connection reset during connect"};
    if (is_unreachable(error.value())) return unreachable(error);
    return {ProbeOutcome::not_probed, error.message()};
}

ProbeResult talk_failure(const error_code& error, std::string_view what) {
    rethrow_cancellation(error);
    switch (error.value()) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return {ProbeOutcome::not_probed, error.message()};
        default:
            break;
    }
    if (error.category() == boost::system::system_category() && is_unreachable(error.value()))
        return unreachable(error);
    if (error == asio::error::eof)
        return {ProbeOutcome::answered_badly, fmt::format("connection closed {}", what)};
    if (error == asio::error::connection_reset || error == asio::error::broken_pipe)
        return {ProbeOutcome::answered_badly, fmt::format("connection reset {}", what)};
    return {ProbeOutcome::answered_badly, fmt::format("{} {}", error.message(), what)};
}

error_code open(asio::ip::tcp::socket& socket, const Endpoint& endpoint, const SocketPreparer& prepare) {
    return open_for(socket, to_tcp(endpoint).protocol(), prepare);
}

error_code open(asio::ip::udp::socket& socket, const Endpoint& endpoint, const SocketPreparer& prepare) {
    return open_for(socket, to_udp(endpoint).protocol(), prepare);
}

asio::ip::tcp::endpoint to_tcp(const Endpoint& endpoint) {
    return to_asio<asio::ip::tcp>(endpoint);
}
asio::ip::udp::endpoint to_udp(const Endpoint& endpoint) {
    return to_asio<asio::ip::udp>(endpoint);
}

bool Expectation::add(std::string_view piece) {
    seen_ += piece.size();
    tail_ += piece;
    if (tail_.find(wanted_) != std::string::npos) return true;
    if (tail_.size() >= wanted_.size()) tail_.erase(0, tail_.size() - wanted_.size() + 1);
    return false;
}

}  // namespace reseat::lb
