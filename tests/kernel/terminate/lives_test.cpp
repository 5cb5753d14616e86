// SPDX-License-Identifier: Apache-2.0
// A backend's life is what counts, not its address: flaps, reused addresses, sockets that were spared.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

lb::LifeId take_out_one(TestPlane& plane, const Endpoint& backend) {
    const auto lives = plane.take_out(backend);
    if (lives.size() != 1) throw std::runtime_error("not exactly one life ended");
    return lives[0];
}

}  // namespace

TEST_CASE("ip:port used again: TCP of the old life ends, of the new life lives [E33][E65]",
          "[kernel][lives]") {
    Sandbox box("reused", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client old_life = landing_on(box, "a", kVip);
    const auto old_id = take_out_one(plane, a.endpoint());
    plane.bring_back(a.endpoint());
    REQUIRE(plane.life(to_string(kVip) + "/tcp", a.endpoint()) != old_id);
    Client new_life = landing_on(box, "a", kVip);

    const auto report = plane.reseat(old_id);
    CHECK(report.terminated == 1);
    CHECK(report.matched == 1);
    CHECK(old_life.recv_error() == ECONNABORTED);
    CHECK(new_life.echo("still here") == "a");
    CHECK(plane.reseat(old_id).matched == 0);
    CHECK(new_life.echo("still here") == "a");
}

TEST_CASE("ip:port used again: UDP of the old life moves, of the new life stays [E33][E65]",
          "[kernel][lives]") {
    Sandbox box("reused-udp", {"a"});
    auto& a = box.host("a");
    const auto fate = GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()}, fate)});
    Client old_life = landing_on(box, "a", kVip, Protocol::udp);
    const auto old_id = take_out_one(plane, a.endpoint());
    plane.bring_back(a.endpoint());
    const auto new_id = plane.life(to_string(kVip) + "/udp", a.endpoint());
    Client new_life = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(plane.kernel().open_sockets(new_id) == 1);

    const auto report = plane.reseat(old_id);
    CHECK(report.first_failure == "");
    CHECK(report.matched == 1);
    CHECK(new_life.echo("still here") == "a");
    if (fate == lb::UdpFate::repoint) {
        CHECK(report.repointed == 1);  // to the same address: it is another backend now
        CHECK(old_life.echo("still here") == "a");
        CHECK(plane.kernel().open_sockets(new_id) == 2);
        CHECK(plane.kernel().open_sockets(old_id) == 0);
    } else {
        CHECK(old_life.recv_error() == ECONNABORTED);
    }
}

TEST_CASE("a socket that the application moved from the old to the new life of one address stays [E33][E65]",
          "[kernel][lives]") {
    Sandbox box("same-address", {"a"});
    auto& a = box.host("a");
    const auto protocol = GENERATE(Protocol::tcp, Protocol::udp);
    const auto fate = protocol == Protocol::tcp ? lb::UdpFate::repoint
                                                : GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    auto spec = service(kVip, {a.endpoint()}, protocol);
    spec.connections.udp = fate;
    TestPlane plane(box, {spec});
    const Where local = "10.99.0.1:40090";  // the tuple stays the same too
    Client client = landing_on(box, "a", kVip, protocol, Family::v4,
                               [&](Client& socket) { REQUIRE(socket.bind(local) == 0); });
    const auto old_id = take_out_one(plane, a.endpoint());
    plane.bring_back(a.endpoint());
    if (protocol == Protocol::tcp) {
        const linger at_once{1, 0};
        REQUIRE(::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
        REQUIRE(client.disconnect() == 0);
        client.pending_error();
    }
    REQUIRE(client.connect(kVip) == 0);
    REQUIRE(client.local() == local);
    REQUIRE(client.actual_peer() == a.endpoint());

    CHECK(plane.reseat(old_id).matched == 0);
    CHECK(client.echo("still here") == "a");
    CHECK(plane.condemn(a).matched == 1);
}

TEST_CASE("spared sockets hang until the order comes, also after the same backend has returned [E60]",
          "[kernel][lives]") {
    Sandbox box("spared", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()}), udp_service(kVip, {a.endpoint()})});
    Client tcp = landing_on(box, "a", kVip);
    Client udp = landing_on(box, "a", kVip, Protocol::udp);
    a.vanish();
    const auto lives = plane.take_out(a.endpoint());
    REQUIRE(lives.size() == 2);
    CHECK(tcp.is_silent());
    CHECK(udp.send("into the void") == 0);
    CHECK(plane.kernel().open_sockets(lives[0]) == 1);
    CHECK(plane.kernel().open_sockets(lives[1]) == 1);
    CHECK(box.client().connect(kVip) == ECONNREFUSED);

    a.reappear();
    plane.bring_back(a.endpoint());
    CHECK(tcp.is_silent());  // nobody is told without an order
    lb::TerminationReport sum;
    for (const auto life : lives) {
        const auto part = plane.reseat(life);
        sum.terminated += part.terminated;
        sum.repointed += part.repointed;
    }
    CHECK(sum.terminated == 1);
    CHECK(sum.repointed == 1);
    CHECK(tcp.recv_error() == ECONNABORTED);
    CHECK(udp.echo("hello") == "a");
    CHECK(udp.peer() == kVip);
}

TEST_CASE("down and up within one sweep, again and again: only each life's own sockets end [E65]",
          "[kernel][lives]") {
    Sandbox box("flaps", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client before = landing_on(box, "a", kVip);
    for (int round = 0; round < 20; ++round) {
        const auto ended = take_out_one(plane, a.endpoint());
        plane.bring_back(a.endpoint());
        Client after = box.client();
        REQUIRE(after.connect(kVip) == 0);
        const auto report = plane.reseat(ended);
        CHECK(report.terminated == 1);
        CHECK(before.recv_error() == ECONNABORTED);
        REQUIRE(after.echo("fresh") == "a");
        before = std::move(after);
    }
}

TEST_CASE("a retired life is not remembered: an order for it finds nothing", "[kernel][lives]") {
    Sandbox box("retired", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    const auto id = take_out_one(plane, a.endpoint());
    lb::Plan plan;
    plan.retire = {id};
    plane.publish(plan);
    const auto report = plane.reseat(id);
    CHECK(report.matched == 0);
    CHECK(report.first_failure == "");
    plane.bring_back(a.endpoint());
    CHECK(plane.life(to_string(kVip) + "/tcp", a.endpoint()) > id);
    CHECK(landing_on(box, "a", kVip).echo("hello") == "a");
}
