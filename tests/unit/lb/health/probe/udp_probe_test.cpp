// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/make_probe.hpp"
#include "lb/model.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

#include <array>
#include <vector>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kShort = 50ms;
constexpr Duration kLong = 5s;

ProbeResult probe(asio::io_context& io, const Endpoint& endpoint, UdpCheck udp, Duration timeout = kLong) {
    HealthCheck check;
    check.type = CheckType::udp;
    check.udp = std::move(udp);
    const auto probe = make_probe(check, {endpoint}, {});
    return await(io, probe->once(timeout));
}

/// Answers each datagram with all of `answers`.
class UdpServer {
public:
    UdpServer(asio::io_context& io, std::vector<std::string> answers)
        : socket_(io, udp::endpoint(asio::ip::address_v4::loopback(), 0)), answers_(std::move(answers)) {
        run_aside(io.get_executor(), serve());
    }
    Endpoint endpoint() const { return loopback(socket_.local_endpoint().port()); }

    std::vector<std::string> received;

private:
    Task<void> serve() {
        std::array<char, 1500> buffer;
        while (true) {
            udp::endpoint from;
            const auto [error, size] =
                co_await socket_.async_receive_from(asio::buffer(buffer), from, as_result);
            if (error) co_return;
            received.emplace_back(buffer.data(), size);
            for (const auto& answer : answers_)
                co_await socket_.async_send_to(asio::buffer(answer), from, as_result);
        }
    }

    udp::socket socket_;
    std::vector<std::string> answers_;
};

}  // namespace

TEST_CASE("a UDP answer that contains the expected text passes, also after others", "[probe]") {
    asio::io_context io;
    UdpServer server(io, {"", "noise", "+PONG+"});
    const auto result = probe(io, server.endpoint(), {.send = "PING", .expect = "PONG"});
    CHECK(result.outcome == ProbeOutcome::passed);
    CHECK(result.detail == "answered");
    CHECK(server.received == std::vector<std::string>{"PING"});
}

TEST_CASE("an expected UDP answer that does not come is no answer", "[probe]") {
    asio::io_context io;
    UdpServer server(io, {});
    const auto result = probe(io, server.endpoint(), {.expect = "PONG"}, kShort);
    CHECK(result.outcome == ProbeOutcome::no_answer);
    CHECK(result.detail == "no answer within 50ms");
    CHECK(server.received == std::vector<std::string>{""});
}

TEST_CASE("UDP answers without the expected text are a bad answer, read up to 64 KiB", "[probe]") {
    asio::io_context io;
    UdpServer wrong(io, {"no"});
    CHECK(probe(io, wrong.endpoint(), {.expect = "PONG"}, kShort).outcome == ProbeOutcome::answered_badly);
    UdpServer flood(io, std::vector<std::string>(100, std::string(1400, 'x')));
    const auto result = probe(io, flood.endpoint(), {.expect = "PONG"});
    CHECK(result.outcome == ProbeOutcome::answered_badly);
    CHECK(result.detail == "64 KiB of answers without the expected one");
}

TEST_CASE("without an expected answer, silence passes and so does any answer", "[probe]") {
    asio::io_context io;
    UdpServer silent(io, {}), talking(io, {"hello"});
    const auto silence = probe(io, silent.endpoint(), {}, kShort);
    CHECK(silence.outcome == ProbeOutcome::passed);
    CHECK(silence.detail == "no ICMP error within 50ms");
    CHECK(probe(io, talking.endpoint(), {}).detail == "answered");
}

TEST_CASE("a closed UDP port is refused, whether an answer was expected or not", "[probe]") {
    asio::io_context io;
    const auto dead = dead_endpoint(io);
    for (const auto& expect : {"", "PONG"}) {
        const auto result = probe(io, dead, {.expect = expect});
        CHECK(result.outcome == ProbeOutcome::refused);
        CHECK(result.detail == "port unreachable");
    }
}
