// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/health/checker_support.hpp"

#include <algorithm>
#include <thread>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using std::chrono::steady_clock;

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
