// SPDX-License-Identifier: Apache-2.0
#include "base/semaphore.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/health/checker_support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using std::chrono::steady_clock;

TEST_CASE("while no backend is eligible one that refuses is up within 300 ms of its return [E80]",
          "[checker]") {
    asio::io_context io;
    FakeBackend backend(io);
    backend.die();
    Checked checked(io, lazy, backend.endpoint);
    REQUIRE(checked.until([&] { return checked.events.size() == 1; }));
    CHECK(checked.events[0].outcome == ProbeOutcome::refused);
    checked.checker.set_mode({.urgent = true});
    REQUIRE(checked.until([&] { return checked.results.size() == 4; }));  // at once, then every 100 ms
    backend.restart();
    const auto back = steady_clock::now();
    REQUIRE(checked.until([&] { return checked.events.size() == 2; }));
    CHECK(steady_clock::now() - back < 300ms);
    CHECK(checked.events[1].reason == "connected (1/2, enough while no backend is eligible)");
}

TEST_CASE("a backend that is not urgent any more is asked as seldom as before [E80]", "[checker]") {
    asio::io_context io;
    Checked checked(io, lazy, dead_endpoint(io));
    REQUIRE(checked.until([&] { return checked.events.size() == 1; }));
    checked.checker.set_mode({.urgent = true});
    REQUIRE(checked.until([&] { return checked.results.size() == 3; }));
    checked.checker.set_mode({.urgent = false});
    REQUIRE(checked.until([&] { return checked.results.size() == 4; }));
    io.restart();
    io.run_for(250ms);  // nothing is to happen
    CHECK(checked.results.size() == 4);
}

TEST_CASE("urgent checks take turns: together they ask once in a millisecond [E80]", "[checker]") {
    UrgentPace pace;
    for (int i = 0; i < 100; ++i) pace.join();
    CHECK(pace.pause(UrgentPace::kRefused, 200ms) == 100ms);
    CHECK(pace.pause(UrgentPace::kOther, 200ms) == 250ms);
    for (int i = 0; i < 9'900; ++i) pace.join();
    CHECK(pace.pause(UrgentPace::kRefused, 200ms) == 10s);
    for (int i = 0; i < 9'900; ++i) pace.leave();
    CHECK(pace.pause(UrgentPace::kRefused, 200ms) == 100ms);
}

TEST_CASE("urgent checks of silent backends leave room for the checks of others [E80]", "[checker]") {
    UrgentPace pace;
    for (int i = 0; i < 2'000; ++i) pace.join();
    CHECK(pace.pause(UrgentPace::kOther, 5s) == 20s);  // 2,000 probes of 5 s in 20 s: 500 at a time
}

TEST_CASE("an urgent check that waits for its turn pauses after it all the same [E80]", "[checker]") {
    asio::io_context io;
    const auto turns = std::make_shared<Semaphore>(1);
    std::optional<Semaphore::Held> busy = turns->take_at_once();
    unsigned asked = 0;
    auto check = lazy;
    check.unhealthy_threshold = 1;
    Checker checker(
        check, ProbeTarget{dead_endpoint(io)}, ProbeMeans{.probes = turns},
        [&](const auto&, const auto&) { ++asked; }, KnownHealth{}, std::make_shared<UrgentPace>());
    checker.set_mode({.urgent = true});
    Spawned running = spawn(io.get_executor(), "check", checker.run(0ms), [](const std::string&) {});
    io.run_for(300ms);  // longer than its pause
    CHECK(asked == 0);
    busy.reset();
    REQUIRE(run_until(io, [&] { return asked == 1; }));
    io.restart();
    io.run_for(50ms);  // half of its pause
    CHECK(asked == 1);
    running.cancel();
    while (io.poll() > 0) {
    }
}

TEST_CASE("of a crowd that becomes urgent at once only the first ones are asked at once [E80]", "[checker]") {
    asio::io_context io;
    const Endpoint nobody = dead_endpoint(io);
    const auto pace = std::make_shared<UrgentPace>();
    for (int i = 0; i < 5'000; ++i) pace->join();
    unsigned asked = 0;
    std::list<Checker> crowd;
    std::vector<Spawned> running;
    for (int i = 0; i < 200; ++i) {
        auto& one = crowd.emplace_back(
            lazy, ProbeTarget{nobody}, ProbeMeans{}, [&](const auto&, const auto&) { ++asked; },
            KnownHealth{}, pace);
        running.push_back(spawn(io.get_executor(), "check", one.run(), [](const std::string&) {}));
    }
    REQUIRE(run_until(io, [&] { return asked == 200; }));
    for (Checker& one : crowd) one.set_mode({.urgent = true});
    io.restart();
    io.run_for(200ms);
    CHECK(asked < 260);  // of 200 within 10 s, in 200 ms
    CHECK(run_until(io, [&] { return asked > 200; }));
    for (Spawned& one : running) one.cancel();
    while (io.poll() > 0) {
    }
}
