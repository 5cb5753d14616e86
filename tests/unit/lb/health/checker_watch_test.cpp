// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/health/checker_support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using std::chrono::steady_clock;

TEST_CASE("a process death is a verdict within milliseconds of the watch being lost", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    Checked checked(io, lazy, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1 && checked.events.size() == 1; }));
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
        REQUIRE(checked.until([&] { return checked.events.size() == 2 * death + 1; }));
        REQUIRE(checked.until([&] { return backend.held() == 1; }));
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

TEST_CASE("the connection that is held is the check's own, and the next check replaces it [E81]",
          "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.interval = 600ms;
    check.jitter_percent = 0;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1 && checked.results.size() == 1; }));
    CHECK_FALSE(backend.is_left());
    REQUIRE(checked.until([&] { return backend.held() == 2; }));
    CHECK(checked.results.size() <= 2);
    REQUIRE(checked.until([&] { return backend.is_left(); }));
    backend.close_first();
    CHECK_FALSE(backend.is_left());
}

TEST_CASE("a connection younger than half a second is not replaced [E81]", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.interval = 10ms;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return checked.results.size() == 20; }));
    CHECK(backend.accepted == 1);
    CHECK_FALSE(backend.is_left());
}

TEST_CASE("a backend that is not to be watched is left at once, and checked on [E81]", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.interval = 50ms;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    checked.checker.set_mode({.watchable = false});
    CHECK(checked.until([&] { return backend.is_left(); }));
    const auto before = checked.results.size();
    REQUIRE(checked.until([&] { return checked.results.size() == before + 3; }));
    CHECK(backend.accepted == 1);
    CHECK(checked.events.size() == 1);
}

TEST_CASE("a backend that refuses is left at once: it may be waiting for us to go [E61][E81]", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    auto check = lazy;
    check.interval = 50ms;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    backend.stop_listening();
    CHECK(checked.until([&] { return backend.is_left(); }));
}

TEST_CASE("a server that hung gets two connections of ours, not one with each check [E68]", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);  // it never closes its end
    auto check = lazy;
    check.interval = 510ms;
    check.jitter_percent = 0;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return checked.results.size() == 6; }));
    CHECK(backend.accepted == 2);
    CHECK(checked.events.size() == 1);
}

TEST_CASE("a server that speaks first is not watched [E68]", "[checker]") {
    asio::io_context io;
    FakeBackend backend(io, "220 mail.example ESMTP\r\n");
    auto check = lazy;
    check.interval = 600ms;
    Checked checked(io, check, backend.endpoint);
    REQUIRE(checked.until([&] { return backend.held() == 1; }));
    REQUIRE(checked.until([&] { return backend.is_left(); }));
    CHECK(checked.results.size() == 1);
    REQUIRE(checked.until([&] { return checked.results.size() == 3; }));
    CHECK(backend.accepted == 1);
    CHECK(checked.events.size() == 1);
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
