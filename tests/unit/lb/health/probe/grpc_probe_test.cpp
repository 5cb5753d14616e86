// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/make_probe.hpp"
#include "lb/model.hpp"
#include "tests/unit/lb/health/probe/grpc_frames.hpp"
#include "tests/unit/lb/health/probe/tls_server.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kShort = 200ms;
constexpr Duration kLong = 8s;

const std::string kServing = settings() +
                             headers({{":status", "200"}, {"content-type", "application/grpc"}}) +
                             data(serving(1)) + headers({{"grpc-status", "0"}}, true);

ProbeResult probe(asio::io_context& io, const Endpoint& endpoint, TlsCheck tls = {},
                  Duration timeout = kLong) {
    HealthCheck check;
    check.type = CheckType::grpc;
    check.grpc.service = "orders";
    check.tls = std::move(tls);
    const auto probe = make_probe(check, {endpoint}, {});
    return await(io, probe->once(timeout));
}

/// Waits for the request, then for the rest of its life does `act`.
ProbeResult with_server(std::function<Task<void>(tcp::socket&)> act, Duration timeout = kLong) {
    asio::io_context io;
    TcpServer server(io, [&](tcp::socket socket) -> Task<void> {
        std::string request;
        co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "orders", as_result);
        co_await act(socket);
    });
    return probe(io, server.endpoint(), {}, timeout);
}

Task<void> write_for_ever(tcp::socket& socket, std::string head, std::string piece, Duration pause) {
    co_await asio::async_write(socket, asio::buffer(head), as_result);
    while (true) {
        const auto [error, size] = co_await asio::async_write(socket, asio::buffer(piece), as_result);
        if (error) co_return;
        if (pause > Duration::zero()) co_await sleep_for(pause);
    }
}

void check_bad(const ProbeResult& result, const std::string& detail) {
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK(result.detail == "Health/Check orders: " + detail);
}

}  // namespace

TEST_CASE("grpc passes on SERVING, plain", "[probe][grpc]") {
    const auto result = with_server([](tcp::socket& socket) -> Task<void> {
        co_await asio::async_write(socket, asio::buffer(kServing), as_result);
        co_await sleep_for(1h);
    });
    CHECK(result.outcome == ProbeOutcome::passed);
    CHECK(result.detail == "Health/Check orders: SERVING");
}

TEST_CASE("grpc over TLS speaks HTTP/2 only with a server that offers it", "[probe][grpc][tls]") {
    const Authority authority;
    auto context = std::make_shared<TlsContext>(true);
    REQUIRE(context->trust(authority.certificate()).has_value());
    for (const bool offers_h2 : {true, false}) {
        asio::io_context io;
        TlsServer server(
            io, {authority.issue("DNS:web.test"), "", offers_h2}, [](TlsStream& stream) -> Task<void> {
                std::string request;
                co_await asio::async_read_until(stream, asio::dynamic_buffer(request), "orders", as_result);
                co_await asio::async_write(stream, asio::buffer(kServing), as_result);
                co_await sleep_for(1h);
            });
        const auto result = probe(io, server.endpoint(), {"web.test", context});
        CHECK(result.detail == (offers_h2 ? "Health/Check orders: SERVING"
                                          : "Health/Check orders: TLS: the server does not offer h2 (ALPN)"));
        CHECK((result.outcome == ProbeOutcome::passed) == offers_h2);
    }
}

TEST_CASE("gRPC servers that hang, drip, reset or close early end in time [E41]", "[probe][grpc]") {
    const auto hung = with_server([](tcp::socket&) { return sleep_for(1h); }, kShort);
    CHECK(hung.outcome == ProbeOutcome::unresponsive);
    CHECK(hung.detail == "Health/Check orders: connected, but no answer within 200ms");

    const auto dripped = with_server(
        [](tcp::socket& socket) { return write_for_ever(socket, settings(), std::string(1, '\0'), 5ms); },
        kShort);
    CHECK(dripped.outcome == ProbeOutcome::answered_badly);

    check_bad(with_server([](tcp::socket& socket) -> Task<void> {
                  socket.set_option(asio::socket_base::linger(true, 0));
                  socket.close();
                  co_return;
              }),
              "connection reset before the answer");
    check_bad(with_server([](tcp::socket& socket) -> Task<void> {
                  socket.shutdown(tcp::socket::shutdown_send);
                  co_await sleep_for(1h);
              }),
              "connection closed before the answer");
    asio::io_context io;
    CHECK(probe(io, dead_endpoint(io)).outcome == ProbeOutcome::refused);
    CHECK(probe(io, dead_endpoint(io)).detail == "connection refused");
}

TEST_CASE("a gigabyte for a gRPC check is cut off at 64 KiB [E41]", "[probe][grpc]") {
    const std::string begin =
        settings() + headers({{":status", "200"}, {"content-type", "application/grpc"}});
    const std::pair<std::string, std::string> floods[] = {
        {begin, data(std::string(16'000, 'x'))},
        {settings(), frame(6, 0, 0, "12345678")},                 // PING
        {settings(), settings()},                                 // each to be acknowledged
        {settings(), frame(1, 0, 1, "")},                         // a header without end
        {settings(), frame(0x55, 0, 0, std::string(9000, 'x'))},  // of an unknown type: to be ignored
    };
    for (const auto& flood : floods) {
        const auto result = with_server(
            [&](tcp::socket& socket) { return write_for_ever(socket, flood.first, flood.second, 0s); });
        CAPTURE(result.detail);
        CHECK(result.outcome == ProbeOutcome::answered_badly);
        CHECK_FALSE(result.timed_out);
    }
}

TEST_CASE("garbage for a gRPC check is not HTTP/2 [E41]", "[probe][grpc]") {
    for (const std::string garbage : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"}) {
        const auto result = with_server([&](tcp::socket& socket) -> Task<void> {
            co_await asio::async_write(socket, asio::buffer(garbage), as_result);
            co_await sleep_for(1h);
        });
        CHECK(result.outcome == ProbeOutcome::answered_badly);
        CHECK_FALSE(result.timed_out);  // but found out at once
    }
}
