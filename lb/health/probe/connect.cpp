// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/connect.hpp"

#include "lb/health/probe/tls_connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

namespace reseat::lb {
namespace {

class TcpConnection final : public Connection {
public:
    TcpConnection(asio::ip::tcp::socket socket, Progress& progress)
        : socket_(std::move(socket)), progress_(progress) {}

    Task<Read> read_some(std::span<char> into) override {
        const auto [error, size] =
            co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), as_result);
        progress_.received += size;
        co_return Read{error, size};
    }

    Task<error_code> write(std::string_view all) override {
        const auto [error, sent] = co_await asio::async_write(socket_, asio::buffer(all), as_result);
        co_return error;
    }

    std::optional<asio::ip::tcp::socket> release() override { return std::move(socket_); }

    ProbeResult failure(const error_code& error, std::string_view what) const override {
        return talk_failure(error, what);
    }

private:
    asio::ip::tcp::socket socket_;
    Progress& progress_;
};

}  // namespace

Task<std::variant<std::unique_ptr<Connection>, ProbeResult>> connect(const Dial& dial, Progress& progress) {
    asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
    if (const auto error = open(socket, dial.endpoint, dial.prepare)) co_return connect_failure(error);
    const auto [refusal] = co_await socket.async_connect(to_tcp(dial.endpoint), as_result);
    if (refusal) co_return connect_failure(refusal);
    progress.connected = true;

    std::unique_ptr<Connection> tcp = std::make_unique<TcpConnection>(std::move(socket), progress);
    if (!dial.tls.context) co_return std::move(tcp);
    auto tls = std::make_unique<TlsConnection>(std::move(tcp), dial, progress);
    if (const auto error = co_await tls->shake_hands())
        co_return tls->failure(error, "during the TLS handshake");
    if (dial.h2 && !tls->speaks_h2())
        co_return ProbeResult{ProbeOutcome::answered_badly, "TLS: the server does not offer h2 (ALPN)"};
    co_return std::move(tls);
}

}  // namespace reseat::lb
