// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/grpc_exchange.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/lb/health/probe/grpc_frames.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

/// What an exchange makes of these bytes of a server.
ProbeResult judged(const std::string& bytes) {
    GrpcExchange exchange("orders", "web.test:50051", "http", 1s);
    while (!exchange.output().empty()) {
    }
    exchange.input(bytes);
    while (!exchange.output().empty()) {
    }
    if (!exchange.result()) exchange.end_of_input();
    return *exchange.result();
}

std::string answer(const std::string& message, const std::string& grpc_status = "0") {
    return settings() + headers({{":status", "200"}, {"content-type", "application/grpc"}}) + data(message) +
           headers({{"grpc-status", grpc_status}}, true);
}

std::string trailers_only(const std::string& status, const std::string& message) {
    return settings() + headers({{":status", "200"},
                                 {"content-type", "application/grpc"},
                                 {"grpc-status", status},
                                 {"grpc-message", message}},
                                true);
}

void check_bad(const std::string& bytes, const std::string& detail) {
    const auto result = judged(bytes);
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK(result.detail == detail);
}

}  // namespace

TEST_CASE("what a gRPC server says of itself is shown, but cannot steer a terminal", "[probe][grpc]") {
    check_bad(trailers_only("\xc2\x9b"
                            "2J\xff",
                            "a\xe2\x80\xae"
                            "b"),
              "gRPC status ?2J?: a?b");
}

TEST_CASE("a gRPC request asks for the service, and only SERVING passes", "[probe][grpc]") {
    CHECK(encode_health_request("") == std::string(5, '\0'));
    CHECK(encode_health_request("a") == std::string("\0\0\0\0\x03\x0a\x01"
                                                    "a",
                                                    8));
    CHECK(judged(answer(serving(1))).outcome == ProbeOutcome::passed);
    CHECK(judged(answer(serving(1))).detail == "SERVING");
    check_bad(answer(serving(2)), "NOT_SERVING");
    check_bad(answer(serving(3)), "SERVICE_UNKNOWN");
    check_bad(answer(serving(0)), "UNKNOWN");
    check_bad(answer(serving(4)), "unknown status 4");
    check_bad(answer(serving(9)), "unknown status 9");
    // The default of proto3 is not on the wire.
    check_bad(answer(std::string(5, '\0')), "UNKNOWN");
}

TEST_CASE("a gRPC status that is not OK is told with its name and message", "[probe][grpc]") {
    check_bad(trailers_only("5", "unknown service"), "gRPC status 5 NOT_FOUND: unknown service");
    check_bad(trailers_only("12", ""), "gRPC status 12 UNIMPLEMENTED");
    check_bad(trailers_only("99", ""), "gRPC status 99");
    check_bad(answer(serving(1), "14"), "gRPC status 14 UNAVAILABLE");
}

TEST_CASE("HTTP/2 servers that speak no gRPC are bad answers", "[probe][grpc]") {
    check_bad(settings() + headers({{":status", "404"}}, true), "HTTP 404, expected 200");
    check_bad(settings() + headers({{":status", "200"}, {"content-type", "text/html"}}, true),
              "not gRPC: content-type 'text/html'");
    check_bad(settings() + headers({{":status", "200"}, {"content-type", "application/grpc"}}, true),
              "the answer has no grpc-status");
    check_bad(answer("hello"), "5 bytes that are not a HealthCheckResponse");
}

TEST_CASE("a HealthCheckResponse is read whatever else is in it, and not beyond its end", "[probe][grpc]") {
    const auto framed = [](const std::string& message) {
        return std::string("\0\0\0\0", 4) + static_cast<char>(message.size()) + message;
    };
    using Status = std::optional<std::uint64_t>;
    CHECK(decode_health_response(framed("\x08\x01")) == Status(1));
    CHECK(decode_health_response(framed("\x12\x02hi\x08\x01")) == Status(1));
    CHECK(decode_health_response(framed("\x1d"
                                        "abcd"
                                        "\x21"
                                        "abcdefgh"
                                        "\x08\x02")) == Status(2));
    CHECK(decode_health_response(framed("\x08\x02\x08\x01")) == Status(1));
    CHECK(decode_health_response(framed("")) == Status(0));
    CHECK_FALSE(decode_health_response(framed("\x08")));
    CHECK_FALSE(decode_health_response(framed("\x12\x05hi")));
    CHECK_FALSE(decode_health_response(framed("\x08" + std::string(11, '\xff'))));
    CHECK_FALSE(decode_health_response(framed("\x12" + std::string(9, '\xff') + "\x01")));
    CHECK_FALSE(decode_health_response(framed("\x0b")));
    CHECK_FALSE(decode_health_response(std::string("\1\0\0\0\2\x08\x01", 7)));
    CHECK_FALSE(decode_health_response(std::string("\0\0\0\0\3\x08\x01", 7)));
    CHECK_FALSE(decode_health_response(""));
}

TEST_CASE("what the peer does to HTTP/2 itself is told [E41]", "[probe][grpc]") {
    CHECK_THAT(judged("HTTP/1.1 400 Bad Request\r\n\r\n").detail, Catch::StartsWith("not HTTP/2: "));
    CHECK_THAT(judged(std::string(64, '\xff')).detail, Catch::StartsWith("not HTTP/2: "));
    check_bad("", "connection closed before the answer");
    check_bad(settings(), "connection closed before the answer");
    check_bad(settings() + frame(3, 0, 1, std::string("\0\0\0\x07", 4)),
              "the stream was reset: REFUSED_STREAM");
    check_bad(settings() + frame(7, 0, 0, std::string("\0\0\0\0\0\0\0\x0btoo_many_pings", 22)),
              "the stream was reset: REFUSED_STREAM; GOAWAY: ENHANCE_YOUR_CALM (too_many_pings)");
    // Control characters of a peer reach no log.
    CHECK_THAT(judged(settings() + frame(7, 0, 0, std::string("\0\0\0\0\0\0\0\x0b", 8) + "a\x1b[2Jb")).detail,
               Catch::Contains("(a?[2Jb)"));
}

TEST_CASE("a megabyte of message or of headers is not kept [E41]", "[probe][grpc]") {
    GrpcExchange exchange("", "a:1", "http", 1s);
    while (!exchange.output().empty()) {
    }
    exchange.input(settings() + headers({{":status", "200"}, {"content-type", "application/grpc"}}));
    for (int i = 0; i < 4; ++i) exchange.input(data(std::string(16'000, 'x')));
    exchange.input(headers({{"grpc-status", "0"}}, true));
    REQUIRE(exchange.result());
    CHECK(exchange.result()->detail == "1025 bytes that are not a HealthCheckResponse");
}
