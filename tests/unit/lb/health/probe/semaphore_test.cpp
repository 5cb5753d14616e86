// SPDX-License-Identifier: Apache-2.0
#include "base/semaphore.hpp"

#include "lb/health/checker.hpp"
#include "lb/health/probe/make_probe.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

#include <vector>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;
using namespace std::chrono_literals;

namespace {

Task<void> probe_into(Probe& probe, Duration timeout, std::optional<ProbeResult>& result) {
    result = co_await probe.once(timeout);
}

const auto ignore = [](const std::string&) {};

/// Two probes that share `means`, begun together.
std::vector<ProbeResult> both(const HealthCheck& check, const ProbeMeans& means, const Endpoint& endpoint,
                              Duration timeout) {
    asio::io_context io;
    const auto one = make_probe(check, {endpoint, "a", "b"}, means);
    const auto two = make_probe(check, {endpoint, "a", "c"}, means);
    std::optional<ProbeResult> first, second;
    auto a = spawn(io.get_executor(), "one", probe_into(*one, timeout, first), ignore);
    auto b = spawn(io.get_executor(), "two", probe_into(*two, timeout, second), ignore);
    REQUIRE(run_until(io, [&] { return first && second; }));
    return {*first, *second};
}

}  // namespace

TEST_CASE("only so many commands run at once, and waiting is not held against the backend", "[probe][exec]") {
    HealthCheck check;
    check.type = CheckType::exec;
    check.exec.command = {"/bin/sleep", "0.2"};
    const ProbeMeans means{.commands = std::make_shared<Semaphore>(1)};
    const auto begin = std::chrono::steady_clock::now();
    const auto results = both(check, means, loopback(1), 10s);
    CHECK(std::chrono::steady_clock::now() - begin >= 400ms);
    CHECK(results[1].outcome == ProbeOutcome::passed);
}

TEST_CASE("only so many probes are under way, and waiting is not held against the backend", "[probe]") {
    asio::io_context io;
    const udp::socket silent(io, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    HealthCheck check;
    check.type = CheckType::udp;
    check.udp = {.send = "PING", .expect = "PONG"};
    const ProbeMeans means{.probes = std::make_shared<Semaphore>(1)};
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& result : both(check, means, loopback(silent.local_endpoint().port()), 50ms)) {
        CHECK(result.outcome == ProbeOutcome::no_answer);
        CHECK_FALSE(our_loop_stalled(result.latency, 50ms));
    }
    CHECK(std::chrono::steady_clock::now() - begin >= 100ms);
}

TEST_CASE("a slot is passed on by whoever is cancelled while waiting for it", "[probe]") {
    asio::io_context io;
    Semaphore slots(1);
    std::vector<int> served;
    const auto hold = [&](int who, Duration how_long) -> Task<void> {
        const auto slot = co_await slots.take();
        served.push_back(who);
        co_await sleep_for(how_long);
    };
    auto first = spawn(io.get_executor(), "1", hold(1, 1h), ignore);
    REQUIRE(run_until(io, [&] { return served.size() == 1; }));
    auto second = spawn(io.get_executor(), "2", hold(2, 1h), ignore);
    auto third = spawn(io.get_executor(), "3", hold(3, 1h), ignore);
    io.restart();
    io.poll();
    second.cancel();
    first.cancel();
    REQUIRE(run_until(io, [&] { return served.size() == 2; }));
    CHECK(served.back() == 3);
    third.cancel();
    io.restart();
    io.run_for(100ms);
}
