// SPDX-License-Identifier: Apache-2.0
// Which UDP sockets are touched at all, and what each fate does to them.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <cerrno>
#include <future>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

TEST_CASE("unconnected UDP is never destroyed; its next datagram goes to a live backend [E02]",
          "[kernel][udp]") {
    Sandbox box("unconnected");
    auto& a = box.host("a");
    auto& b = box.host("b");
    const auto fate = GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    const auto family = GENERATE(Family::v4, Family::v6);
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()}, fate)});
    Client sender = box.client(Protocol::udp, family);
    REQUIRE(sender.send_to(kVip, "first") == 0);
    const std::string first = sender.recv().text;
    auto& lost = first == "a:first" ? a : b;
    auto& left = first == "a:first" ? b : a;
    const auto local = sender.local();
    REQUIRE(local->port != 0);

    lost.vanish();
    CHECK(plane.condemn(lost).matched == 0);
    CHECK(sender.pending_error() == 0);
    CHECK(sender.local() == local);
    REQUIRE(sender.send_to(kVip, "second") == 0);
    const auto answer = sender.recv();
    CHECK(answer.text == left.name() + ":second");
    CHECK(answer.from == kVip);
    CHECK(sender.local() == local);
}

TEST_CASE("UDP connected elsewhere or unconnected before its backend died is untouched [E03]",
          "[kernel][udp]") {
    Sandbox box("elsewhere");
    auto& a = box.host("a");
    auto& b = box.host("b");
    const auto fate = GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()}, fate)});
    Client moved = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(moved.connect(box.host("c").endpoint()) == 0);
    Client unconnected = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(unconnected.disconnect() == 0);

    a.vanish();
    const auto report = plane.condemn(a);
    CHECK(report.matched == 0);
    CHECK(report.failed == 0);
    CHECK(moved.actual_peer() == box.host("c").endpoint());
    CHECK(moved.peer() == box.host("c").endpoint());
    CHECK(moved.echo("still here") == "c");
    CHECK(unconnected.pending_error() == 0);
    CHECK_FALSE(unconnected.actual_peer());
}

TEST_CASE(
    "UDP with an explicit port, unconnected from us: its old tuple still finds it, and it is left [E51]",
    "[kernel][udp]") {
    Sandbox box("old-tuple");
    auto& a = box.host("a");
    const auto fate = GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()}, fate)});
    const Where local = "10.99.0.1:40053";
    Client client = landing_on(box, "a", kVip, Protocol::udp, Family::v4,
                               [&](Client& socket) { REQUIRE(socket.bind(local) == 0); });
    // Let its tuple be on record, as it is for any socket that is not brand new.
    REQUIRE(plane.pump_until([&] { return plane.kernel().unresolved_sockets() == 0; }, 30s));
    REQUIRE(client.disconnect() == 0);
    REQUIRE(client.local() == local);

    const auto report = plane.condemn(a);
    CHECK(report.matched == 0);
    CHECK(client.pending_error() == 0);
    CHECK(client.local() == local);
    Client visitor = box.outsider(Protocol::udp);
    REQUIRE(visitor.connect(local) == 0);
    REQUIRE(visitor.send("are you there?") == 0);
    CHECK(client.recv().text == "are you there?");
}

TEST_CASE("UDP unconnected from us is told from a stranger with its old tuple", "[kernel][udp]") {
    Sandbox box("stranger");
    auto& a = box.host("a");
    const auto fate = GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()}, fate)});
    const Where local = "10.99.0.1:40054";
    const int yes = 1;
    auto bind_shared = [&](Client& client) {
        REQUIRE(::setsockopt(client.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
        REQUIRE(client.bind(local) == 0);
    };
    Client gone = landing_on(box, "a", kVip, Protocol::udp, Family::v4, bind_shared);
    REQUIRE(plane.pump_until([&] { return plane.kernel().unresolved_sockets() == 0; }, 30s));
    REQUIRE(gone.disconnect() == 0);
    Client stranger = box.outsider(Protocol::udp);
    bind_shared(stranger);
    REQUIRE(stranger.connect(a.endpoint()) == 0);
    REQUIRE(stranger.echo("hello") == "a");

    CHECK(plane.condemn(a).matched == 0);
    CHECK(stranger.actual_peer() == a.endpoint());
    CHECK(stranger.echo("still here") == "a");
    CHECK(gone.pending_error() == 0);
}

TEST_CASE("connected UDP that is to be terminated: ECONNABORTED in recv, EDESTADDRREQ in send",
          "[kernel][udp]") {
    Sandbox box("udp-terminate");
    auto& a = box.host("a");
    TestPlane plane(box,
                    {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()}, lb::UdpFate::terminate)});
    const auto family = GENERATE(Family::v4, Family::v6);
    Client reads = landing_on(box, "a", kVip, Protocol::udp, family);
    Client sends = landing_on(box, "a", kVip, Protocol::udp, family);
    Client bystander = landing_on(box, "b", kVip, Protocol::udp, family);
    Client direct = box.client(Protocol::udp, family);
    REQUIRE(direct.connect(a.endpoint()) == 0);
    auto told = std::async(std::launch::async, [&] {
        char byte;
        return ::recv(reads.fd(), &byte, 1, 0) < 0 ? errno : 0;
    });
    a.vanish();
    const auto report = plane.condemn(a);
    CHECK(report.terminated == 2);
    CHECK(report.repointed == 0);
    REQUIRE(told.wait_for(2s) == std::future_status::ready);
    CHECK(told.get() == ECONNABORTED);
    CHECK(sends.send("one") == EDESTADDRREQ);
    CHECK(sends.send("two") == EDESTADDRREQ);
    CHECK(sends.recv_error() == ECONNABORTED);
    CHECK(bystander.echo("still here") == "b");
    CHECK(direct.actual_peer() == a.endpoint());
    CHECK(direct.pending_error() == 0);
    REQUIRE(sends.connect(kVip) == 0);  // the same descriptor may go on
    CHECK(sends.echo("again") == "b");
}

TEST_CASE("connected UDP that is to be kept stays where it is", "[kernel][udp]") {
    Sandbox box("udp-keep");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()}, lb::UdpFate::keep)});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    const auto report = plane.condemn(a);
    CHECK(report.matched == 0);
    CHECK(client.actual_peer() == a.endpoint());
    CHECK(client.echo("still here") == "a");
    CHECK(client.peer() == kVip);
}

namespace {

/// One of several sockets that are bound to `local` and connected through us to `host`: they share one tuple.
Client twin_on(Sandbox& box, BackendHost& host, const Where& local) {
    return silently_on(box, host.endpoint(), kVip, Protocol::udp, Family::v4, [&](Client& twin) {
        const int yes = 1;
        REQUIRE(::setsockopt(twin.fd(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) == 0);
        REQUIRE(twin.bind(local) == 0);
    });
}

}  // namespace

TEST_CASE("reuseport twins with one tuple are both moved or both ended [E55]", "[kernel][udp]") {
    Sandbox box("twins");
    auto& a = box.host("a");
    const auto fate = GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()}, fate)});
    const Where local = "10.99.0.1:40055";
    std::vector<Client> twins;
    for (int i = 0; i < 3; ++i) twins.push_back(twin_on(box, a, local));
    const bool known = GENERATE(false, true);
    if (known) REQUIRE(plane.pump_until([&] { return plane.kernel().unresolved_sockets() == 0; }, 30s));
    const auto report = plane.condemn(a);
    CHECK(report.failed == 0);
    CHECK(report.terminated + report.repointed == 3);
    for (auto& twin : twins) {
        if (fate == lb::UdpFate::terminate)
            CHECK(twin.recv_error() == ECONNABORTED);
        else
            CHECK(twin.actual_peer() == b.endpoint());
    }
}

TEST_CASE("twins follow their backend into a new life of the same address, all of them [E55][E33]",
          "[kernel][udp]") {
    Sandbox box("twinlives");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()})});
    const Where local = "10.99.0.1:40056";
    std::vector<Client> twins;
    for (int i = 0; i < 3; ++i) twins.push_back(twin_on(box, a, local));
    const auto ended = plane.take_out(a.endpoint());
    REQUIRE(ended.size() == 1);
    plane.bring_back(a.endpoint());
    CHECK(plane.reseat(ended[0]).repointed == 3);
    CHECK(plane.kernel().open_sockets(ended[0]) == 0);
    for (auto& twin : twins) CHECK(twin.peer() == kVip);
}

TEST_CASE("twins of a condemned life end, one of a new life of the same address stays [E55][E65]",
          "[kernel][udp]") {
    Sandbox box("twinends");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()}, lb::UdpFate::terminate)});
    const Where local = "10.99.0.1:40057";
    Client first = twin_on(box, a, local), second = twin_on(box, a, local);
    const auto ended = plane.take_out(a.endpoint());
    REQUIRE(ended.size() == 1);
    plane.bring_back(a.endpoint());
    Client young = twin_on(box, a, local);
    const auto report = plane.reseat(ended[0]);
    CHECK(report.failed == 0);
    CHECK(report.terminated == 2);
    CHECK_FALSE(first.actual_peer() == a.endpoint());
    CHECK_FALSE(second.actual_peer() == a.endpoint());
    CHECK(young.peer() == kVip);
    CHECK(young.echo("still here") == "a");
}
