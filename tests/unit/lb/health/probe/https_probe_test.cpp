// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/make_probe.hpp"
#include "lb/model.hpp"
#include "tests/unit/lb/health/probe/tls_server.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kShort = 200ms;
constexpr Duration kLong = 8s;
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const Authority& authority() {
    static const Authority one;
    return one;
}

TlsCheck trusting(const std::string& authorities, std::string server_name = "") {
    auto context = std::make_shared<TlsContext>(true);
    REQUIRE(context->trust(authorities).has_value());
    return {std::move(server_name), std::move(context)};
}

ProbeResult probe(asio::io_context& io, const Endpoint& endpoint, TlsCheck tls, HttpCheck http = {},
                  Duration timeout = kLong) {
    HealthCheck check;
    check.type = CheckType::http;
    check.http = std::move(http);
    check.tls = std::move(tls);
    const auto probe = make_probe(check, {endpoint}, {});
    return await(io, probe->once(timeout));
}

/// What a check says of a server with these names, asked as `server_name`.
ProbeResult met(const std::string& names, const TlsCheck& tls, HttpCheck http = {}, int days = 1) {
    asio::io_context io;
    TlsServer server(io, {authority().issue(names, days)}, answer_with(kOk));
    return probe(io, server.endpoint(), tls, std::move(http));
}

void check_bad(const ProbeResult& result, const std::string& detail) {
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK(result.detail == "GET /: " + detail);
}

/// Writes `piece` again and again.
template <class Stream>
Task<void> write_for_ever(Stream& stream, std::string piece, Duration pause) {
    while (true) {
        const auto [error, size] = co_await asio::async_write(stream, asio::buffer(piece), as_result);
        if (error) co_return;
        if (pause > Duration::zero()) co_await sleep_for(pause);
    }
}

}  // namespace

TEST_CASE("https passes where the certificate names whom we ask for", "[probe][tls]") {
    const auto& ca = authority().certificate();
    CHECK(met("DNS:web.test", trusting(ca, "web.test")).detail == "GET /: HTTP 200");
    CHECK(met("DNS:web.test", trusting(ca), {.host = "web.test:8443"}).outcome == ProbeOutcome::passed);
    CHECK(met("IP:127.0.0.1", trusting(ca)).outcome == ProbeOutcome::passed);
    CHECK(met("IP:127.0.0.1", trusting(ca, "127.0.0.1")).outcome == ProbeOutcome::passed);
}

TEST_CASE("SNI is server_name, else the host, else nothing", "[probe][tls]") {
    asio::io_context io;
    TlsServer server(io, {authority().issue("DNS:web.test,DNS:host.test,IP:127.0.0.1")}, answer_with(kOk));
    const auto& ca = authority().certificate();
    CHECK(probe(io, server.endpoint(), trusting(ca, "web.test"), {.host = "host.test"}).outcome ==
          ProbeOutcome::passed);
    CHECK(server.asked_for() == "web.test");
    CHECK(probe(io, server.endpoint(), trusting(ca), {.host = "host.test"}).outcome == ProbeOutcome::passed);
    CHECK(server.asked_for() == "host.test");
    CHECK(probe(io, server.endpoint(), trusting(ca)).outcome == ProbeOutcome::passed);
    CHECK(server.asked_for() == "");
}

TEST_CASE("a backend that has a DNS name is asked for by it", "[probe][tls]") {
    asio::io_context io;
    TlsServer server(io, {authority().issue("DNS:web.internal,DNS:own.test,DNS:host.test,DNS:check.test")},
                     answer_with(kOk));
    const Endpoint at = server.endpoint();
    const auto asked = [&](TlsCheck tls, ProbeTarget target, const HttpCheck& http = {},
                           const TcpCheck& tcp = {}, CheckType type = CheckType::http) {
        HealthCheck check;
        check.type = type;
        check.http = http;
        check.tcp = tcp;
        check.tls = std::move(tls);
        target.endpoint = at;
        const auto handshakes = server.handshakes() + 1;
        const auto probe = make_probe(check, target, {});
        const auto result = await(io, probe->once(kLong));
        CHECK(result.outcome == ProbeOutcome::passed);
        // Without an answer the probe may be done before the server is.
        CHECK(run_until(io, [&] { return server.handshakes() == handshakes; }));
        return server.asked_for();
    };
    const auto ca = authority().certificate();
    const ProbeTarget named{.dns_name = "web.internal"};
    CHECK(asked(trusting(ca), named) == "web.internal");
    CHECK(asked(trusting(ca), {.dns_name = "web.internal", .host = "host.test:443"}) == "host.test");
    CHECK(asked(trusting(ca), {.dns_name = "web.internal", .server_name = "own.test", .host = "host.test"}) ==
          "own.test");
    CHECK(asked(trusting(ca, "check.test"), named) == "check.test");
    CHECK(asked(trusting(ca, "check.test"), {.server_name = "own.test"}) == "own.test");
    CHECK(asked(trusting(ca), named, {.host = "host.test"}) == "host.test");
    CHECK(asked(trusting(ca), named, {}, {}, CheckType::tcp) == "web.internal");
    CHECK(asked(trusting(ca), named, {}, {.send = "GET /\r\n\r\n", .expect = "200 OK"}, CheckType::tcp) ==
          "web.internal");
}

TEST_CASE("a tcp check over TLS tells what the handshake came to", "[probe][tls]") {
    asio::io_context io;
    TlsServer server(io, {authority().issue("DNS:db.internal")}, answer_with(kOk));
    const auto told = [&](TlsCheck tls, TcpCheck tcp = {}) {
        HealthCheck check;
        check.tcp = std::move(tcp);
        check.tls = std::move(tls);
        const auto probe = make_probe(check, {server.endpoint()}, {});
        return await(io, probe->once(kLong));
    };
    const auto& ca = authority().certificate();
    CHECK(told(trusting(ca, "db.internal")).detail == "connected over TLS");
    const auto stranger = told(trusting(ca, "other.internal"));
    CHECK(stranger.outcome == ProbeOutcome::answered_badly);
    CHECK(stranger.detail ==
          "TLS: the certificate is not accepted: hostname mismatch, expected other.internal");
    const auto other = told(trusting(ca, "db.internal"), {.send = "x\r\n\r\n", .expect = "HTTP/2"});
    CHECK(other.outcome == ProbeOutcome::answered_badly);
}

TEST_CASE("a certificate that does not prove who it is says so [E41]", "[probe][tls]") {
    const auto& ca = authority().certificate();
    const std::string refused = "TLS: the certificate is not accepted: ";
    check_bad(met("DNS:other.test", trusting(ca, "web.test")),
              refused + "hostname mismatch, expected web.test");
    check_bad(met("IP:127.0.0.2", trusting(ca)), refused + "IP address mismatch");
    check_bad(met("DNS:web.test", trusting(ca)), refused + "IP address mismatch");
    check_bad(met("DNS:web.test", trusting(ca, "web.test"), {}, -1), refused + "certificate has expired");
    const Authority stranger;
    check_bad(met("DNS:web.test", trusting(stranger.certificate(), "web.test")),
              refused + "unable to get local issuer certificate");
}

TEST_CASE("insecure_skip_verify takes any certificate", "[probe][tls]") {
    const TlsCheck anybody{"web.test", std::make_shared<TlsContext>(false)};
    CHECK(met("DNS:other.test", anybody, {}, -1).outcome == ProbeOutcome::passed);
}

TEST_CASE("a client certificate is presented to a server that wants one", "[probe][tls]") {
    asio::io_context io;
    const auto& ca = authority().certificate();
    TlsServer server(io, {authority().issue("IP:127.0.0.1"), ca}, answer_with(kOk));
    const auto nameless = probe(io, server.endpoint(), trusting(ca));
    CHECK(nameless.outcome == ProbeOutcome::answered_badly);
    CHECK_THAT(nameless.detail, Catch::Contains("certificate required"));

    const auto own = authority().issue("DNS:reseat.test");
    auto context = std::make_shared<TlsContext>(true);
    REQUIRE(context->trust(ca).has_value());
    REQUIRE(context->present(own.certificate).has_value());
    REQUIRE(context->unlock(own.key).has_value());
    CHECK(probe(io, server.endpoint(), {"", context}).outcome == ProbeOutcome::passed);
}

TEST_CASE("what is no PEM, or belongs to another certificate, is refused with a reason", "[probe][tls]") {
    TlsContext context(true);
    const auto one = authority().issue("DNS:a"), other = authority().issue("DNS:b");
    CHECK(context.trust("hello").error().message == "contains no certificate in PEM format");
    CHECK(context.trust(one.key).error().message == "contains no certificate in PEM format");
    CHECK(context.present("").error().message == "contains no certificate in PEM format");
    const auto broken =
        authority().certificate() + "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    CHECK(context.trust(broken).error().message == "contains a certificate that cannot be read");
    REQUIRE(context.present(one.certificate).has_value());
    CHECK(context.unlock("hello").error().message == "contains no private key in PEM format");
    CHECK(context.unlock(other.key).error().message == "does not belong to the certificate");
    CHECK(context.unlock("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
              .error()
              .message == "is protected by a passphrase; store it without one");
    CHECK(context.unlock(one.key).has_value());
}

TEST_CASE("contexts made from the same are equal", "[probe][tls]") {
    const auto& ca = authority().certificate();
    CHECK(trusting(ca, "a") == trusting(ca, "a"));
    CHECK_FALSE(trusting(ca, "a") == trusting(ca, "b"));
    CHECK_FALSE(trusting(ca) == trusting(Authority().certificate()));
    CHECK_FALSE(trusting(ca) == TlsCheck{});
    CHECK(TlsCheck{} == TlsCheck{});
}

TEST_CASE("a server without TLS, and one that hangs up, are bad answers [E41]", "[probe][tls]") {
    const auto& ca = authority().certificate();
    const auto answer_to_hello = [&](std::string bytes) {
        asio::io_context io;
        TcpServer server(io, [&](tcp::socket socket) -> Task<void> {
            std::array<char, 4096> hello;  // all of it: what is closed with something unread is reset
            co_await socket.async_read_some(asio::buffer(hello), as_result);
            co_await asio::async_write(socket, asio::buffer(bytes), as_result);
        });
        return probe(io, server.endpoint(), trusting(ca));
    };
    check_bad(answer_to_hello("HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS: wrong version number");
    check_bad(answer_to_hello(""), "connection closed during the TLS handshake");
    CHECK(answer_to_hello(std::string(64, '\x16')).outcome == ProbeOutcome::answered_badly);
}

TEST_CASE("a reset within the handshake is a bad answer [E41]", "[probe][tls]") {
    asio::io_context io;
    TcpServer server(io, [](tcp::socket socket) -> Task<void> {
        std::array<char, 16> some;
        co_await socket.async_read_some(asio::buffer(some), as_result);
        socket.set_option(asio::socket_base::linger(true, 0));
    });
    check_bad(probe(io, server.endpoint(), trusting(authority().certificate())),
              "connection reset during the TLS handshake");
}

TEST_CASE("a handshake that hangs or drips ends with the timeout [E41]", "[probe][tls]") {
    asio::io_context io;
    const auto tls = trusting(authority().certificate());
    TcpServer silent(io, [](tcp::socket socket) -> Task<void> {
        co_await sleep_for(1h);
        socket.close();
    });
    const auto hung = probe(io, silent.endpoint(), tls, {}, kShort);
    CHECK(hung.outcome == ProbeOutcome::unresponsive);
    CHECK(hung.detail == "GET /: connected, but no answer within 200ms");

    TcpServer dripping(io, [](tcp::socket socket) -> Task<void> {
        const std::string begin("\x16\x03\x03\x3f", 4);  // less than 16 KiB, the most that is allowed
        co_await asio::async_write(socket, asio::buffer(begin), as_result);
        co_await write_for_ever(socket, "x", 5ms);
    });
    const auto dripped = probe(io, dripping.endpoint(), tls, {}, kShort);
    CHECK(dripped.outcome == ProbeOutcome::answered_badly);
    CHECK_THAT(dripped.detail, Catch::StartsWith("GET /: answer incomplete after 200ms ("));
}

TEST_CASE("a gigabyte instead of a handshake is cut off [E41]", "[probe][tls]") {
    // Empty handshake records are legal, and OpenSSL itself would read them for ever or refuse them.
    for (const std::string& piece : {std::string("\x16\x03\x03\x00\x00", 5), std::string(4096, 'x')}) {
        asio::io_context io;
        TcpServer server(io, [&](tcp::socket socket) {
            return [](tcp::socket own, std::string what) -> Task<void> {
                co_await write_for_ever(own, what, 0s);
            }(std::move(socket), piece);
        });
        CHECK(probe(io, server.endpoint(), trusting(authority().certificate())).outcome ==
              ProbeOutcome::answered_badly);
    }
}

TEST_CASE("over TLS too, an endless header, an endless body and a silent server are bounded [E41]",
          "[probe][tls]") {
    const auto tls = trusting(authority().certificate());
    const auto endless = [&](std::string head, std::string piece, Duration pause, HttpCheck http,
                             Duration timeout) {
        asio::io_context io;
        TlsServer server(io, {authority().issue("IP:127.0.0.1")}, [&](TlsStream& stream) -> Task<void> {
            co_await asio::async_write(stream, asio::buffer(head), as_result);
            co_await write_for_ever(stream, piece, pause);
        });
        return probe(io, server.endpoint(), tls, std::move(http), timeout);
    };
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    check_bad(endless(ok, "X-Filler: " + std::string(4000, 'x') + "\r\n", 0s, {}, kLong),
              "header of more than 8 KiB");
    check_bad(endless(ok + "Content-Length: 1000000000\r\n\r\n", std::string(16384, 'x'), 0s,
                      {.expect_body = "y"}, kLong),
              "HTTP 200, body without the expected text");
    const auto drip = endless("HTTP/1.1 2", "0", 5ms, {}, 600ms);
    CHECK(drip.outcome == ProbeOutcome::answered_badly);

    asio::io_context io;
    TlsServer silent(io, {authority().issue("IP:127.0.0.1")}, [](TlsStream&) { return sleep_for(1h); });
    const auto hung = probe(io, silent.endpoint(), tls, {}, 600ms);
    CHECK(hung.outcome == ProbeOutcome::unresponsive);
    CHECK(hung.detail == "GET /: connected, but no answer within 600ms");
}

TEST_CASE("an end before the answer, with and without farewell, is a bad answer over TLS [E41]",
          "[probe][tls]") {
    const auto tls = trusting(authority().certificate());
    asio::io_context io;
    TlsServer polite(io, {authority().issue("IP:127.0.0.1")},
                     [](TlsStream& stream) -> Task<void> { co_await stream.async_shutdown(as_result); });
    check_bad(probe(io, polite.endpoint(), tls), "connection closed before the answer");
    TlsServer rude(io, {authority().issue("IP:127.0.0.1")}, [](TlsStream& stream) -> Task<void> {
        stream.next_layer().close();
        co_return;
    });
    const auto cut = probe(io, rude.endpoint(), tls);
    CHECK(cut.outcome == ProbeOutcome::answered_badly);
    CHECK_THAT(cut.detail, Catch::StartsWith("GET /: connection "));
}
