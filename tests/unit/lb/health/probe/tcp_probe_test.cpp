// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/make_probe.hpp"
#include "lb/model.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kShort = 50ms;
constexpr Duration kLong = 5s;

ProbeResult probe(asio::io_context& io, const Endpoint& endpoint, TcpCheck tcp = {},
                  Duration timeout = kLong) {
    HealthCheck check;
    check.tcp = std::move(tcp);
    const auto probe = make_probe(check, {endpoint}, {});
    return await(io, probe->once(timeout));
}

/// Sends the pieces, each when the last was written, then keeps the connection open for ever.
Task<void> say(tcp::socket socket, std::vector<std::string> pieces) {
    for (const auto& piece : pieces) co_await asio::async_write(socket, asio::buffer(piece), as_result);
    co_await sleep_for(1h);
}

Task<void> flood(tcp::socket socket) {
    const std::string megabyte(1 << 20, 'x');
    for (int n = 0; n < 1024; ++n) {
        const auto [error, size] = co_await asio::async_write(socket, asio::buffer(megabyte), as_result);
        if (error) co_return;
    }
}

Task<void> drip(tcp::socket socket) {
    while (true) {
        const auto [error, size] = co_await asio::async_write(socket, asio::buffer("x", 1), as_result);
        if (error) co_return;
        co_await sleep_for(2ms);
    }
}

Task<void> reset(tcp::socket socket) {
    socket.set_option(asio::socket_base::linger(true, 0));
    socket.close();
    co_return;
}

Task<void> close_early(tcp::socket) {
    co_return;
}

}  // namespace

TEST_CASE("a listening port is connected to, IPv4 and IPv6", "[probe]") {
    for (const auto family : {Family::v4, Family::v6}) {
        asio::io_context io;
        TcpServer server(io, close_early, family);
        const auto result = probe(io, server.endpoint());
        CHECK(result.outcome == ProbeOutcome::passed);
        CHECK(result.detail == "connected");
        CHECK(result.latency > 0ns);
        CHECK(result.latency < kLong);
    }
}

TEST_CASE("a plain connect check never reaches the server's application [E68]", "[probe]") {
    asio::io_context io;
    tcp::acceptor listener(io, to_tcp(loopback(0)));
    listener.non_blocking(true);
    for (int n = 0; n < 20; ++n)
        CHECK(probe(io, loopback(listener.local_endpoint().port())).outcome == ProbeOutcome::passed);
    error_code error;
    tcp::socket socket(io);
    listener.accept(socket, error);
    CHECK(error == asio::error::would_block);
}

TEST_CASE("a port without a listener is refused", "[probe]") {
    asio::io_context io;
    const auto result = probe(io, dead_endpoint(io));
    CHECK(result.outcome == ProbeOutcome::refused);
    CHECK(result.detail == "connection refused");
}

TEST_CASE("an answer that comes in pieces is found across them", "[probe]") {
    asio::io_context io;
    TcpServer server(io, [](tcp::socket socket) { return say(std::move(socket), {"-+PO", "N", "G\r\n"}); });
    const auto result = probe(io, server.endpoint(), {.expect = "+PONG"});
    CHECK(result.outcome == ProbeOutcome::passed);
    CHECK(result.detail == "answered as expected");
}

TEST_CASE("what is sent arrives, and the answer to it decides", "[probe]") {
    asio::io_context io;
    std::string asked;
    TcpServer server(io, [&](tcp::socket socket) -> Task<void> {
        co_await asio::async_read_until(socket, asio::dynamic_buffer(asked), "\n", as_result);
        co_await asio::async_write(socket, asio::buffer("PONG"), as_result);
    });
    CHECK(probe(io, server.endpoint(), {.send = "PING\n", .expect = "PONG"}).outcome == ProbeOutcome::passed);
    CHECK(asked == "PING\n");
}

TEST_CASE("a server that hangs after accepting is unresponsive, within the timeout [E41][E79]", "[probe]") {
    asio::io_context io;
    TcpServer server(io, [](tcp::socket socket) { return say(std::move(socket), {}); });
    const auto result = probe(io, server.endpoint(), {.send = "PING", .expect = "PONG"}, kShort);
    CHECK(result.outcome == ProbeOutcome::unresponsive);
    CHECK(result.detail == "connected, but no answer within 50ms");
    CHECK(result.latency >= kShort);
    CHECK(result.latency < 1s);
}

TEST_CASE("a full accept queue is no answer at all", "[probe]") {
    asio::io_context io;
    tcp::acceptor listener(io, tcp::v4());
    listener.bind(to_tcp(loopback(0)));
    listener.listen(0);
    const auto endpoint = loopback(listener.local_endpoint().port());
    tcp::socket taken(io), taken_too(io);
    taken.connect(to_tcp(endpoint));
    taken_too.async_connect(to_tcp(endpoint), [](error_code) {});
    const auto result = probe(io, endpoint, {}, kShort);
    CHECK(result.outcome == ProbeOutcome::no_answer);
    CHECK(result.detail == "no answer within 50ms");
}

TEST_CASE("a server that drips is a bad answer, within the timeout [E41]", "[probe]") {
    asio::io_context io;
    TcpServer server(io, drip);
    const auto result = probe(io, server.endpoint(), {.expect = "PONG"}, kShort);
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK_THAT(result.detail, Catch::StartsWith("answer incomplete after 50ms ("));
}

TEST_CASE("a gigabyte of answer is read up to 64 KiB and no further [E41]", "[probe]") {
    asio::io_context io;
    TcpServer server(io, flood);
    const auto result = probe(io, server.endpoint(), {.expect = "PONG"});
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK_THAT(result.detail, Catch::EndsWith(" bytes without the expected answer"));
    CHECK(std::stoul(result.detail) <= kMaxAnswer + 2048);
}

TEST_CASE("a server that closes or resets before its answer is a bad answer [E41]", "[probe]") {
    asio::io_context io;
    TcpServer closing(io, close_early), resetting(io, reset);
    const auto closed = probe(io, closing.endpoint(), {.expect = "PONG"});
    CHECK(closed.outcome == ProbeOutcome::answered_badly);
    CHECK(closed.detail == "connection closed before the expected answer");
    const auto reset = probe(io, resetting.endpoint(), {.expect = "PONG"});
    CHECK(reset.outcome == ProbeOutcome::answered_badly);
    CHECK(reset.detail == "connection reset before the expected answer");
}

TEST_CASE("error numbers tell a host that is gone from one that refuses and from our own fault", "[probe]") {
    const auto outcome = [](int number) {
        return connect_failure({number, boost::system::system_category()}).outcome;
    };
    for (const int number : {ETIMEDOUT, EHOSTUNREACH, ENETUNREACH})
        CHECK(outcome(number) == ProbeOutcome::no_answer);
    for (const int number : {ECONNREFUSED, ECONNRESET}) CHECK(outcome(number) == ProbeOutcome::refused);
    for (const int number : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EPERM})
        CHECK(outcome(number) == ProbeOutcome::not_probed);
    CHECK(connect_failure({EHOSTUNREACH, boost::system::system_category()}).detail == "no route to host");
}

TEST_CASE("without a descriptor nothing is said about the backend", "[probe]") {
    asio::io_context io;
    TcpServer server(io, close_early);
    // UBSan, too, needs descriptors, for its first look at each type.
    REQUIRE(probe(io, server.endpoint()).outcome == ProbeOutcome::passed);
    REQUIRE(boost::system::error_code(EMFILE, boost::system::system_category()).message() ==
            "Too many open files");
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int lowest_free = fcntl(0, F_DUPFD, 0);
    ::close(lowest_free);
    rlimit none_left = before;
    none_left.rlim_cur = static_cast<rlim_t>(lowest_free);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none_left) == 0);
    const auto result = probe(io, server.endpoint());
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(result.outcome == ProbeOutcome::not_probed);
    CHECK(result.detail == "Too many open files");
}

TEST_CASE("each socket is prepared before it connects; what cannot be prepared is not probed", "[probe]") {
    asio::io_context io;
    TcpServer server(io, close_early);
    int prepared = 0;
    const auto look = [&](int descriptor) {
        ++prepared;
        CHECK((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
        sockaddr_storage peer{};
        socklen_t length = sizeof peer;
        CHECK(getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) == -1);
    };
    HealthCheck check;
    CHECK(await(io, make_probe(check, {server.endpoint()}, {look})->once(kLong)).outcome ==
          ProbeOutcome::passed);
    CHECK(prepared == 1);
    const auto fail = [](int) { throw std::runtime_error("no"); };
    CHECK(await(io, make_probe(check, {server.endpoint()}, {fail})->once(kLong)).outcome ==
          ProbeOutcome::not_probed);
}

TEST_CASE("a probe that is cancelled throws operation_aborted at once and leaves nothing", "[probe]") {
    asio::io_context io;
    TcpServer server(io, [](tcp::socket socket) { return say(std::move(socket), {}); });
    HealthCheck check;
    check.tcp.expect = "PONG";
    const auto probe = make_probe(check, {server.endpoint()}, {});
    error_code reason;
    bool ended = false;
    const auto ask = [&]() -> Task<void> {
        try {
            co_await probe->once(1h);
        } catch (const boost::system::system_error& error) {
            reason = error.code();
        }
        ended = true;
    };
    auto asking = spawn(io.get_executor(), "ask", ask(), [](const std::string& what) { FAIL(what); });
    REQUIRE(run_until(io, [&] { return server.accepted() == 1; }));
    asking.cancel();
    REQUIRE(run_until(io, [&] { return ended; }));
    CHECK(reason == asio::error::operation_aborted);
}

TEST_CASE("outcomes have the names of the status page", "[probe]") {
    CHECK(to_string(ProbeOutcome::passed) == "passed");
    CHECK(to_string(ProbeOutcome::no_answer) == "timeout");
    CHECK(to_string(ProbeOutcome::refused) == "refused");
    CHECK(to_string(ProbeOutcome::answered_badly) == "bad_answer");
    CHECK(to_string(ProbeOutcome::unresponsive) == "unresponsive");
    CHECK(to_string(ProbeOutcome::not_probed) == "not_probed");
    CHECK(make_probe({.type = CheckType::none}, {loopback(1)}, {}) == nullptr);
}
