// SPDX-License-Identifier: Apache-2.0
#include "lb/health/checker.hpp"

#include "probe_server.hpp"

#include <algorithm>
#include <list>
#include <thread>
#include <vector>

using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

/// Probes once by itself and then practically never: what follows was woken by the watch.
const HealthCheck lazy = {.interval = 1h, .fast_interval = 1h, .unhealthy_interval = 1h};

/// Holds connections open and silent until it is killed.
class FakeBackend {
public:
    explicit FakeBackend(asio::io_context& io, std::string greeting = "")
        : acceptor_(io, to_tcp(loopback(0))), greeting_(std::move(greeting)) {
        endpoint = loopback(acceptor_.local_endpoint().port());
        run_aside(io.get_executor(), serve());
    }

    /// As the kernel does for a killed process: first the listener goes, then each connection.
    void die() {
        acceptor_.close();
        close_connections();
    }
    void close_connections() { held_.clear(); }
    std::size_t held() const { return held_.size(); }
    /// The other side of the first connection has closed or reset it.
    bool is_left() {
        char byte;
        const auto got = ::recv(held_.front().native_handle(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }
    /// Binds the same port again, as a restarted process would.
    void restart() {
        acceptor_.open(tcp::v4());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind(to_tcp(endpoint));
        acceptor_.listen();
        run_aside(acceptor_.get_executor(), serve());
    }

    Endpoint endpoint;
    unsigned accepted = 0;

private:
    Task<void> serve() {
        while (true) {
            auto [error, socket] = co_await acceptor_.async_accept(as_result);
            if (error) co_return;
            ++accepted;
            if (!greeting_.empty()) socket.send(asio::buffer(greeting_));
            held_.push_back(std::move(socket));
        }
    }

    tcp::acceptor acceptor_;
    std::list<tcp::socket> held_;
    std::string greeting_;
};

/// A Checker that runs in `io`, and everything that it told.
struct Checked {
    Checked(asio::io_context& loop, const HealthCheck& check, const Endpoint& backend, Duration delay = 0ms)
        : io(loop), checker(check, {backend}, {}, [this](const CheckStatus& status, const auto& event) {
              results.push_back(status);
              if (event) events.push_back(*event);
          }) {
        running = spawn(io.get_executor(), "check", checker.run(delay),
                        [this](const std::string& what) { failure = what; });
    }

    bool until(const std::function<bool()>& done) { return run_until(io, done); }

    asio::io_context& io;
    std::vector<CheckStatus> results;
    std::vector<HealthEvent> events;
    std::string failure;
    Checker checker;
    Spawned running;
};

}  // namespace

TEST_CASE("a process death is a verdict within milliseconds of the watch being lost", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    Checked checked(io, lazy, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    REQUIRE(checked.events.size() == 1);
    CHECK(checked.events[0].healthy);

    const auto killed = steady_clock::now();
    backend.die();
    REQUIRE(checked.until([&] { return checked.events.size() == 2; }));
    const auto took = steady_clock::now() - killed;
    CHECK(took >= 2ms);
    CHECK(took < 500ms);
    CHECK_FALSE(checked.events[1].healthy);
    CHECK(checked.events[1].outcome == ProbeOutcome::refused);
    CHECK(checked.events[1].reason == "connection refused (3/3)");
    CHECK(checked.results.size() == 4);
}

TEST_CASE("a suspicion from outside is confirmed by probes that count [E44]", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.watch = Watch::off;
    Checked checked(io, check, backend.endpoint);
    checked.checker.suspect();  // not up yet: nothing to suspect
    REQUIRE(checked.until([&] { return checked.results.size() == 1; }));
    backend.die();
    checked.checker.suspect();
    REQUIRE(checked.until([&] { return checked.events.size() == 2; }));
    CHECK(checked.events[1].outcome == ProbeOutcome::refused);
    CHECK(checked.results.size() == 4);
}

TEST_CASE("suspicions that probes do not confirm are followed up once per fast_interval [E44]", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.watch = Watch::off;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return checked.results.size() == 1; }));
    for (int i = 0; i < 3; ++i) checked.checker.suspect();
    REQUIRE(checked.until([&] { return checked.results.size() == 9; }));  // the 8 that confirm
    checked.checker.suspect();
    io.restart();
    io.run_for(50ms);  // nothing is to happen
    CHECK(checked.results.size() == 9);
    CHECK(checked.events.size() == 1);
}

TEST_CASE("the watch is taken up again as soon as the backend has recovered", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.fast_interval = check.unhealthy_interval = 1ms;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    for (std::size_t death = 1; death <= 3; ++death) {
        backend.die();
        REQUIRE(checked.until([&] { return checked.events.size() == 2 * death; }));
        backend.restart();
        REQUIRE(checked.until([&] { return backend.held() == 1; }));
        CHECK(checked.events.size() == 2 * death + 1);
        CHECK(checked.events.back().reason == "connected (2/2)");
    }
}

TEST_CASE("a server that ends an idle connection stays up, and is not asked again at once [E68]",
          "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    Checked checked(io, lazy, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    backend.close_connections();
    REQUIRE(checked.until([&] { return checked.results.size() == 2; }));
    CHECK(checked.results[1].result.outcome == ProbeOutcome::passed);
    CHECK(checked.events.size() == 1);
    while (io.poll() > 0) {
    }
    CHECK(backend.accepted == 1);
}

TEST_CASE("a greeting on the watch connection is read and dropped", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io, "220 mail.example ESMTP\r\n");
    Checked checked(io, lazy, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    while (io.poll() > 0) {
    }
    CHECK(checked.results.size() == 1);
    backend.die();
    REQUIRE(checked.until([&] { return checked.events.size() == 2; }));
    CHECK(checked.events[1].outcome == ProbeOutcome::refused);
}

TEST_CASE("a backend that floods its watch is left unwatched", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io, std::string(200'000, 'x'));
    Checked checked(io, lazy, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    REQUIRE(checked.until([&] { return backend.is_left(); }));
    backend.close_connections();
    while (io.poll() > 0) {
    }
    CHECK(checked.results.size() == 1);
    CHECK(backend.accepted == 1);
}

TEST_CASE("with watch off, no connection is held", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.watch = Watch::off;
    check.interval = 1ms;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return checked.results.size() == 20; }));
    CHECK(backend.accepted == 0);
}

TEST_CASE("a stall of our own loop is no failed probe: it is repeated at once [E42]", "[checker]") {
    const auto [greeting, verdict] = GENERATE(table<std::string, ProbeOutcome>(
        {{"", ProbeOutcome::unresponsive}, {"the beginning of an answer", ProbeOutcome::answered_badly}}));
    INFO(greeting);
    asio::io_context io;
    FakeBackend backend(io, greeting);
    auto check = lazy;
    check.timeout = 100ms;
    check.tcp.expect = "never sent";
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    io.run_for(10ms);                    // what was sent is read
    std::this_thread::sleep_for(300ms);  // the stall, with the probe under way
    REQUIRE(checked.until([&] { return checked.results.size() == 2; }));
    CHECK(checked.results[0].result.outcome == ProbeOutcome::not_probed);
    CHECK(checked.results[0].failures == 0);
    CHECK(checked.results[1].result.outcome == verdict);
    REQUIRE(checked.events.size() == 1);
    CHECK(checked.events[0].outcome == verdict);
}

TEST_CASE("a deadline that came late by half the timeout and 100 ms was our own stall [E42]", "[checker]") {
    CHECK_FALSE(our_loop_stalled(1s, 1s));
    CHECK_FALSE(our_loop_stalled(1500ms, 1s));
    CHECK(our_loop_stalled(1501ms, 1s));
    CHECK_FALSE(our_loop_stalled(110ms, 10ms));
    CHECK(our_loop_stalled(111ms, 10ms));
}

TEST_CASE("intervals are kept up to the jitter, which only shortens them", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.watch = Watch::off;
    check.interval = 20ms;
    check.jitter_percent = 50;
    Checked checked(io, check, backend.endpoint);
    const auto start = steady_clock::now();
    REQUIRE(checked.until([&] { return checked.results.size() == 11; }));
    const auto took = steady_clock::now() - start;
    CHECK(took >= 100ms);
    CHECK(took < 5s);
}

TEST_CASE("a cancelled checker ends with all its connections, and that is no failure", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    Checked checked(io, lazy, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    checked.running.cancel();
    while (io.poll() > 0) {
    }
    backend.close_connections();
    while (io.poll() > 0) {
    }
    CHECK(checked.failure.empty());
    CHECK(checked.results.size() == 1);
}

TEST_CASE("a listener of results that throws ends the checker with its own failure", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    Checker checker(lazy, {backend.endpoint}, {},
                    [](const auto&, const auto&) { throw std::runtime_error("full"); });
    std::string failure;
    auto running = spawn(io.get_executor(), "check a/b", checker.run(),
                         [&](const std::string& what) { failure = what; });
    REQUIRE(run_until(io, [&] { return !failure.empty(); }));
    CHECK(failure == "check a/b: full");
}

TEST_CASE("checks that began together spread their next ones over the whole interval", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    const HealthCheck check = {.interval = 2s, .watch = Watch::off};
    std::list<Checked> all;
    for (int i = 0; i < 50; ++i) all.emplace_back(io, check, backend.endpoint, 1ms);
    // Together, they would be due within the last tenth of the interval, as jitter_percent says.
    REQUIRE(run_until(io, [&] { return all.front().results.size() >= 1; }));
    const auto twice = [&] {
        return std::count_if(all.begin(), all.end(), [](const auto& one) { return one.results.size() >= 2; });
    };
    REQUIRE(run_until(io, [&] { return twice() >= 10; }));
    CHECK(twice() < 40);
}
