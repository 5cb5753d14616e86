// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/connect.hpp"
#include "lb/health/probe/probes.hpp"
#include "lb/health/probe/watch.hpp"

#include <boost/asio/this_coro.hpp>
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

class TcpProbe final : public Probe {
public:
    TcpProbe(TcpCheck check, Dial dial, ConnectionWatch* watch)
        : check_(std::move(check)), dial_(std::move(dial)), watch_(watch) {}

    Task<ProbeResult> once(Duration timeout) override {
        Progress progress;
        co_return co_await within(timeout, progress, attempt(progress));
    }

private:
    Task<ProbeResult> attempt(Progress& progress) {
        const bool talks = dial_.tls.context || !check_.send.empty() || !check_.expect.empty();
        return talks ? talk(progress) : begin_to_connect(progress);
    }

    Task<ProbeResult> begin_to_connect(Progress& progress) {
        asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
        if (const auto error = open(socket, dial_.endpoint, dial_.prepare)) co_return connect_failure(error);
        const bool is_wanted = watch_ && watch_->wants_connection();
        if (!is_wanted) leave_handshake_unfinished(socket);
        const auto [refusal] = co_await socket.async_connect(to_tcp(dial_.endpoint), as_result);
        if (refusal) co_return connect_failure(refusal);
        progress.connected = true;
        if (is_wanted) watch_->give(std::move(socket));
        co_return ProbeResult{ProbeOutcome::passed, "connected"};
    }

    Task<ProbeResult> talk(Progress& progress) {
        auto opened = co_await connect(dial_, progress);
        if (auto* failure = std::get_if<ProbeResult>(&opened)) co_return std::move(*failure);
        const auto connection = std::get<std::unique_ptr<Connection>>(std::move(opened));
        ProbeResult result = co_await converse(*connection, progress);
        if (result.outcome == ProbeOutcome::passed && watch_ && watch_->wants_connection())
            if (auto socket = connection->release()) watch_->give(std::move(*socket));
        co_return result;
    }

    Task<ProbeResult> converse(Connection& connection, Progress& progress) {
        if (!check_.send.empty())
            if (const auto error = co_await connection.write(check_.send))
                co_return connection.failure(error, "while sending");
        if (!check_.expect.empty()) co_return co_await read_answer(connection, progress);
        co_return ProbeResult{ProbeOutcome::passed, dial_.tls.context ? "connected over TLS" : "connected"};
    }

    Task<ProbeResult> read_answer(Connection& connection, Progress& progress) {
        Expectation expectation(check_.expect);
        std::array<char, 2048> buffer;
        while (!expectation.full()) {
            const auto [error, size] = co_await connection.read_some(buffer);
            if (error) co_return connection.failure(error, "before the expected answer");
            if (expectation.add({buffer.data(), size}))
                co_return ProbeResult{ProbeOutcome::passed, "answered as expected"};
        }
        co_return ProbeResult{ProbeOutcome::answered_badly,
                              fmt::format("{} bytes without the expected answer", progress.received)};
    }

    TcpCheck check_;
    Dial dial_;
    ConnectionWatch* watch_;
};

}  // namespace

std::unique_ptr<Probe> tcp_probe(TcpCheck check, Dial dial, ConnectionWatch* watch) {
    return std::make_unique<TcpProbe>(std::move(check), std::move(dial), watch);
}

}  // namespace reseat::lb
