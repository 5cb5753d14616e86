// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/host_probe.hpp"

#include "lb/health/probe/make_probe.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kShort = 100ms;

/// A listener that accepts nobody, and drops who comes when `room` connections wait.
class Queue {
public:
    Queue(asio::io_context& io, int room) : listener_(io, tcp::v4()) {
        listener_.bind(to_tcp(loopback(0)));
        listener_.listen(room - 1);
    }
    Endpoint endpoint() const { return loopback(listener_.local_endpoint().port()); }

private:
    tcp::acceptor listener_;
};

/// One at which every SYN is dropped.
struct Silent : Queue {
    explicit Silent(asio::io_context& io) : Queue(io, 1), taken(io) { taken.connect(to_tcp(endpoint())); }
    tcp::socket taken;
};

HealthCheck http() {
    HealthCheck check;
    check.type = CheckType::http;
    return check;
}

/// A probe as a Checker has it, step by step.
struct Asker {
    Asker(asio::io_context& loop, const HealthCheck& check, const Endpoint& checked, const Endpoint& serves)
        : io(loop),
          probe(make_probe(check, {.endpoint = checked, .serves = serves},
                           {.prepare = [this](int) { ++sockets; }})) {}
    ProbeResult once(Duration timeout = kShort) { return await(io, probe->once(timeout)); }

    asio::io_context& io;
    unsigned sockets = 0;
    std::unique_ptr<Probe> probe;
};

}  // namespace

TEST_CASE("silence at another port is the host's only if the backend's own is silent, too [E79]", "[probe]") {
    asio::io_context io;
    const Silent checked(io);
    SECTION("it accepts") {
        TcpServer serves(io, [](tcp::socket) -> Task<void> { co_return; });
        const auto result = Asker(io, http(), checked.endpoint(), serves.endpoint()).once();
        CHECK(result.outcome == ProbeOutcome::unresponsive);
        CHECK(result.detail == "no answer within 100ms, but its host answers");
    }
    SECTION("it refuses") {
        const auto result = Asker(io, http(), checked.endpoint(), dead_endpoint(io)).once();
        CHECK(result.outcome == ProbeOutcome::unresponsive);
    }
    SECTION("it is silent") {
        const Silent serves(io);
        const auto result = Asker(io, http(), checked.endpoint(), serves.endpoint()).once();
        CHECK(result.outcome == ProbeOutcome::no_answer);
        CHECK(result.detail == "no answer within 100ms");
        CHECK(result.latency < 2 * kShort);
    }
}

TEST_CASE("a check without a route says nothing of a host that accepts [E79]", "[probe]") {
    asio::io_context io;
    TcpServer serves(io, [](tcp::socket) -> Task<void> { co_return; });
    const Endpoint broadcast{*parse_address("127.255.255.255"), 80};  // TCP has no route there
    Asker asker(io, http(), broadcast, serves.endpoint());
    asker.once();  // from its first failure on the host is asked, too
    CHECK(asker.once().outcome == ProbeOutcome::unresponsive);
}

TEST_CASE("a UDP service that does not answer is unresponsive where its host refuses TCP [E79]", "[probe]") {
    asio::io_context io;
    const udp::socket deaf(io, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    const Endpoint endpoint = loopback(deaf.local_endpoint().port());
    HealthCheck check;
    check.type = CheckType::udp;
    check.udp = {.send = "PING", .expect = "PONG"};
    const auto result = Asker(io, check, endpoint, endpoint).once();
    CHECK(result.outcome == ProbeOutcome::unresponsive);
    CHECK(result.detail == "no answer within 100ms, but its host answers");
}

TEST_CASE("a command that hangs says nothing of the host: a connect does [E79]", "[probe][exec]") {
    asio::io_context io;
    HealthCheck check;
    check.type = CheckType::exec;
    check.exec.command = {"/bin/sleep", "1000"};
    const Silent gone(io);
    const auto silent = Asker(io, check, gone.endpoint(), gone.endpoint()).once();
    CHECK(silent.outcome == ProbeOutcome::no_answer);
    CHECK(silent.detail == "killed after 100ms");
    const Endpoint dead = dead_endpoint(io);
    CHECK(Asker(io, check, dead, dead).once().outcome == ProbeOutcome::unresponsive);
}

TEST_CASE("what answers is judged by its answer, and while checks pass nothing else is asked", "[probe]") {
    asio::io_context io;
    TcpServer server(io, [](tcp::socket socket) -> Task<void> {
        co_await asio::async_write(socket, asio::buffer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                                   as_result);
    });
    Asker asker(io, http(), server.endpoint(), dead_endpoint(io));
    CHECK(asker.once(5s).outcome == ProbeOutcome::passed);
    const unsigned at_first = asker.sockets;  // the first result of all may be a verdict
    CHECK(at_first == 2);
    CHECK(asker.once(5s).outcome == ProbeOutcome::passed);
    CHECK(asker.sockets == at_first + 1);
}

TEST_CASE("results that came are kept, whatever the host does", "[probe]") {
    const ProbeResult gone{ProbeOutcome::no_answer, "no answer"}, refused{ProbeOutcome::refused, "refused"},
        not_asked{ProbeOutcome::not_probed, "too many open files"},
        bad{ProbeOutcome::answered_badly, "HTTP 503"};
    const auto judged = [](ProbeResult check, const std::optional<ProbeResult>& host) {
        judge_silence(CheckType::http, check, host);
        return check.outcome;
    };
    CHECK(judged(bad, gone) == ProbeOutcome::answered_badly);
    CHECK(judged(refused, gone) == ProbeOutcome::refused);
    CHECK(judged(gone, std::nullopt) == ProbeOutcome::no_answer);
    CHECK(judged(gone, not_asked) == ProbeOutcome::no_answer);
    CHECK(judged(gone, refused) == ProbeOutcome::unresponsive);
}

TEST_CASE("a process that hangs until its queue is full stays unresponsive, not unreachable [E79]",
          "[probe]") {
    asio::io_context io;
    const Queue hung(io, 2);  // the check's own connection, and that of the witness
    Asker asker(io, http(), hung.endpoint(), hung.endpoint());
    const auto first = asker.once();
    CHECK(first.outcome == ProbeOutcome::unresponsive);
    CHECK(first.detail == "GET /: connected, but no answer within 100ms");
    const auto dropped = asker.once();
    CHECK(dropped.outcome == ProbeOutcome::unresponsive);
    CHECK(dropped.detail == "no answer within 100ms, but its host keeps an earlier connection alive");
}

TEST_CASE(
    "a TLS handshake that hangs until the queue is full is told like any other answer that does not come",
    "[probe][tls]") {
    asio::io_context io;
    const Queue hung(io, 2);
    HealthCheck tls;
    tls.tls.context = std::make_shared<TlsContext>(false);
    Asker asker(io, tls, hung.endpoint(), hung.endpoint());
    CHECK(asker.once().outcome == ProbeOutcome::unresponsive);
    CHECK(asker.once().outcome == ProbeOutcome::unresponsive);
}

TEST_CASE("a plain connect to where the backend serves speaks for its host", "[probe]") {
    asio::io_context io;
    const Silent full(io);
    Asker asker(io, {}, full.endpoint(), full.endpoint());
    CHECK(asker.once().outcome == ProbeOutcome::no_answer);
    CHECK(asker.sockets == 1);
}
