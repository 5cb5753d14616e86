// SPDX-License-Identifier: Apache-2.0
#include "lb/health/tcp_probe.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <array>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reseat::lb {
namespace {

/// Delays the ACK that would complete the handshake, so that the RST of an immediate close comes first.
/// Best effort: without it the server sees a connection that was reset.
void leave_handshake_unfinished(asio::ip::tcp::socket& socket) {
    const int off = 0;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
    // Not through Asio: its destructor takes a lingering that it knows of back.
    const linger abort = {.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

}  // namespace

TcpProbe::TcpProbe(TcpCheck check, const Endpoint& endpoint, SocketPreparer prepare)
    : check_(std::move(check)), endpoint_(endpoint), prepare_(std::move(prepare)) {}

Task<ProbeResult> TcpProbe::once(Duration timeout) {
    Progress progress;
    co_return co_await within(timeout, progress, attempt(progress));
}

Task<ProbeResult> TcpProbe::attempt(Progress& progress) {
    asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
    if (const auto error = open(socket, endpoint_, prepare_)) co_return connect_failure(error);
    if (check_.send.empty() && check_.expect.empty()) leave_handshake_unfinished(socket);

    const auto [refusal] = co_await socket.async_connect(to_tcp(endpoint_), as_result);
    if (refusal) co_return connect_failure(refusal);
    progress.connected = true;

    if (!check_.send.empty()) {
        const auto [error, sent] = co_await asio::async_write(socket, asio::buffer(check_.send), as_result);
        if (error) co_return talk_failure(error, "while sending");
    }
    if (!check_.expect.empty()) co_return co_await read_answer(socket, progress);
    co_return ProbeResult{ProbeOutcome::passed, "connected"};
}

Task<ProbeResult> TcpProbe::read_answer(asio::ip::tcp::socket& socket, Progress& progress) {
    Expectation expectation(check_.expect);
    std::array<char, 2048> buffer;
    while (!expectation.full()) {
        const auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), as_result);
        if (error) co_return talk_failure(error, "before the expected answer");
        progress.received += size;
        if (expectation.add({buffer.data(), size}))
            co_return ProbeResult{ProbeOutcome::passed, "answered as expected"};
    }
    co_return ProbeResult{ProbeOutcome::answered_badly,
                          fmt::format("{} bytes without the expected answer", progress.received)};
}

}  // namespace reseat::lb
