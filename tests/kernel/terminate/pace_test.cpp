// SPDX-License-Identifier: Apache-2.0
// How fast sockets are ended (close_spread), and which of a drain are (drain_quiet).
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

TEST_CASE("close_spread: sockets are ended one after the other over the time given", "[kernel][pace]") {
    Sandbox box("spread", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    std::vector<Client> victims;
    for (int i = 0; i < 20; ++i) victims.push_back(landing_on(box, "a", kVip));
    const auto lives = plane.take_out(a.endpoint());
    const auto report = plane.run(plane.kernel().reseat({.life = lives.at(0), .spread = 400ms}));
    CHECK(report.terminated == 20);
    CHECK(report.duration >= 300ms);
    for (auto& victim : victims) CHECK(victim.recv_error() == ECONNABORTED);
}

TEST_CASE("moving UDP is never spread", "[kernel][pace]") {
    Sandbox box("spread-udp", {"a", "b"});
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    const auto lives = plane.take_out(a.endpoint());
    const auto report = plane.run(plane.kernel().reseat({.life = lives.at(0), .spread = 60s}));
    CHECK(report.repointed == 1);
    CHECK(client.echo("hello") == "b");
}

TEST_CASE("drain_quiet: only sockets that have been idle for so long, with nothing on its way, are ended",
          "[kernel][pace]") {
    Sandbox box("quiet", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client idle = landing_on(box, "a", kVip);
    Client unread = landing_on(box, "a", kVip);
    REQUIRE(unread.send("hello") == 0);
    Client waits = landing_on(box, "a", kVip);
    Client talks = landing_on(box, "a", kVip);
    a.vanish();
    REQUIRE(waits.send("nobody acknowledges this") == 0);
    a.reappear();
    a.vanish();
    lb::Plan drain;
    const auto life = plane.life("10.96.0.1:80/tcp", a.endpoint());
    drain.drain = {life};
    plane.publish(drain);
    const lb::ReseatOrder order{.life = life, .quiet_for = 300ms};
    CHECK(plane.run(plane.kernel().reseat({.life = life, .quiet_for = 1h})).matched == 0);
    lb::TerminationReport report;
    CHECK(plane.pump_until(
        [&] {
            REQUIRE(talks.send("more") == 0);
            report = plane.run(plane.kernel().reseat(order));
            return report.terminated > 0;
        },
        5s));
    CHECK(report.terminated == 1);
    CHECK(report.failed == 0);
    CHECK(idle.recv_error() == ECONNABORTED);
    CHECK(waits.pending_error() == 0);
    CHECK(unread.recv().text == "a:hello");
    CHECK(talks.pending_error() == 0);
}
