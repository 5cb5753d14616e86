// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/make_probe.hpp"
#include "lb/model.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kShort = 50ms;
constexpr Duration kLong = 5s;

/// Reads one request and answers with `answer`; then closes, or stays open and silent.
class HttpServer : public TcpServer {
public:
    HttpServer(asio::io_context& io, std::string answer, bool stay_open = false)
        : TcpServer(io, [this](tcp::socket socket) { return serve(std::move(socket)); }),
          answer_(std::move(answer)),
          stay_open_(stay_open) {}

    std::string request;

private:
    Task<void> serve(tcp::socket socket) {
        co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", as_result);
        co_await asio::async_write(socket, asio::buffer(answer_), as_result);
        if (stay_open_) co_await sleep_for(1h);
    }

    std::string answer_;
    bool stay_open_;
};

ProbeResult probe(asio::io_context& io, const Endpoint& endpoint, HttpCheck http = {},
                  Duration timeout = kLong) {
    HealthCheck check;
    check.type = CheckType::http;
    check.http = std::move(http);
    const auto probe = make_probe(check, {endpoint}, {});
    return await(io, probe->once(timeout));
}

ProbeResult answer_to(const std::string& answer, HttpCheck http = {}, Duration timeout = kLong) {
    asio::io_context io;
    HttpServer server(io, answer);
    return probe(io, server.endpoint(), std::move(http), timeout);
}

void check_bad(const ProbeResult& result, const std::string& detail) {
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK(result.detail == "GET /: " + detail);
}

/// Writes `head`, then `piece` again and again.
Task<void> endless(tcp::socket socket, std::string head, std::string piece, Duration pause) {
    std::string request;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", as_result);
    co_await asio::async_write(socket, asio::buffer(head), as_result);
    while (true) {
        const auto [error, size] = co_await asio::async_write(socket, asio::buffer(piece), as_result);
        if (error) co_return;
        if (pause > Duration::zero()) co_await sleep_for(pause);
    }
}

}  // namespace

TEST_CASE("HTTP 200 passes, and the request says what was configured", "[probe]") {
    asio::io_context io;
    HttpServer server(io, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    const HttpCheck http = {.path = "/ready?x=1", .method = "HEAD", .headers = {{"X-Probe", "yes"}}};
    const auto result = probe(io, server.endpoint(), http);
    CHECK(result.outcome == ProbeOutcome::passed);
    CHECK(result.detail == "HEAD /ready?...: HTTP 200");
    CHECK_THAT(server.request, Catch::StartsWith("HEAD /ready?x=1 HTTP/1.1\r\n"));
    CHECK_THAT(server.request, Catch::Contains("Host: " + to_string(server.endpoint()) + "\r\n"));
    CHECK_THAT(server.request, Catch::Contains("X-Probe: yes\r\n"));
    CHECK_THAT(server.request, Catch::Contains("Connection: close\r\n"));
}

TEST_CASE("the configured host is the Host header", "[probe]") {
    asio::io_context io;
    HttpServer server(io, "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(probe(io, server.endpoint(), {.host = "pg.internal"}).detail == "GET /: HTTP 204");
    CHECK_THAT(server.request, Catch::Contains("Host: pg.internal\r\n"));
}

TEST_CASE("an unexpected status is a bad answer that names both", "[probe]") {
    check_bad(answer_to("HTTP/1.1 503 Busy\r\n\r\n"), "HTTP 503, expected 200-399");
    const HttpCheck strict = {.expected_statuses = {{200, 200}, {300, 302}}};
    check_bad(answer_to("HTTP/1.1 204 None\r\n\r\n", strict), "HTTP 204, expected 200, 300-302");
}

TEST_CASE("a redirect is judged by its status and not followed [E41]", "[probe]") {
    asio::io_context io;
    HttpServer target(io, "HTTP/1.1 200 OK\r\n\r\n");
    HttpServer server(io,
                      "HTTP/1.1 302 Found\r\nLocation: http://" + to_string(target.endpoint()) + "/\r\n\r\n");
    CHECK(probe(io, server.endpoint()).detail == "GET /: HTTP 302");
    check_bad(probe(io, server.endpoint(), {.expected_statuses = {{200, 299}}}),
              "HTTP 302, expected 200-299");
    CHECK(target.accepted() == 0);
}

TEST_CASE("the body is searched, however it is framed", "[probe]") {
    const HttpCheck http = {.expect_body = "all well"};
    CHECK(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n(all well)", http).detail ==
          "GET /: HTTP 200, body as expected");
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    CHECK(answer_to(chunked + "5\r\n(all \r\n5\r\nwell)\r\n0\r\n\r\n", http).outcome == ProbeOutcome::passed);
    CHECK(answer_to("HTTP/1.0 200 OK\r\n\r\n(all well)", http).outcome == ProbeOutcome::passed);
    check_bad(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nall sick", http),
              "HTTP 200, body without the expected text");
    check_bad(answer_to("HTTP/1.0 200 OK\r\n\r\n", http), "HTTP 200, body without the expected text");
}

TEST_CASE("without an expected body, the status alone decides and the body is left alone", "[probe]") {
    asio::io_context io;
    HttpServer server(io, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx", true);
    CHECK(probe(io, server.endpoint()).outcome == ProbeOutcome::passed);
}

TEST_CASE("a gigabyte of body is searched up to 64 KiB and no further [E41]", "[probe]") {
    const std::string kilobytes(4096, 'x');
    for (const std::string framing : {"Content-Length: 1000000000", "X: y"}) {
        asio::io_context io;
        const auto head = "HTTP/1.1 200 OK\r\n" + framing + "\r\n\r\n";
        TcpServer server(io, [&](tcp::socket s) { return endless(std::move(s), head, kilobytes, 0s); });
        check_bad(probe(io, server.endpoint(), {.expect_body = "PONG"}),
                  "HTTP 200, body without the expected text");
    }
}

TEST_CASE("an endless header is cut off at 8 KiB [E41]", "[probe]") {
    const std::string field = "X-Filler: " + std::string(100, 'x') + "\r\n";
    const std::string no_line_end(512, 'x');
    for (const auto& piece : {field, no_line_end}) {
        asio::io_context io;
        TcpServer server(
            io, [&](tcp::socket s) { return endless(std::move(s), "HTTP/1.1 200 OK\r\n", piece, 0s); });
        check_bad(probe(io, server.endpoint()), "header of more than 8 KiB");
    }
}

TEST_CASE("chunk extensions without end are cut off too [E41]", "[probe]") {
    asio::io_context io;
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=";
    const std::string filler(4096, 'x');
    TcpServer server(io, [&](tcp::socket s) { return endless(std::move(s), head, filler, 0s); });
    CHECK(probe(io, server.endpoint(), {.expect_body = "PONG"}).outcome == ProbeOutcome::answered_badly);
}

TEST_CASE("a header that drips in is a bad answer, within the timeout [E41]", "[probe]") {
    asio::io_context io;
    TcpServer server(io, [](tcp::socket s) { return endless(std::move(s), "HTTP/1.1 2", "0", 2ms); });
    const auto result = probe(io, server.endpoint(), {}, kShort);
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK(result.latency < 1s);
}

TEST_CASE("a server that accepts and stays silent is unresponsive [E41][E79]", "[probe]") {
    asio::io_context io;
    HttpServer server(io, "", true);
    const auto result = probe(io, server.endpoint(), {}, kShort);
    CHECK(result.outcome == ProbeOutcome::unresponsive);
    CHECK(result.detail == "GET /: connected, but no answer within 50ms");
}

TEST_CASE("garbage, and an end before the answer, are bad answers [E41]", "[probe]") {
    CHECK_THAT(answer_to("SSH-2.0-OpenSSH_9.2\r\n").detail, Catch::StartsWith("GET /: not HTTP: "));
    CHECK_THAT(answer_to(std::string(64, '\x16')).detail, Catch::StartsWith("GET /: not HTTP: "));
    check_bad(answer_to(""), "connection closed before the answer");
    check_bad(answer_to("HTTP/1.1 200 OK\r\nContent-"), "connection closed before the answer");
    check_bad(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", {.expect_body = "long"}),
              "connection closed during the answer");
}

TEST_CASE("nobody listening is refused, also for HTTP", "[probe]") {
    asio::io_context io;
    CHECK(probe(io, dead_endpoint(io)).outcome == ProbeOutcome::refused);
}
