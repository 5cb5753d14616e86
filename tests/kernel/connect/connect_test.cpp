// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

using namespace reseat;
using namespace reseat::test;

namespace {

/// Ends what runs of service `service` on `host` and nothing else, whoever shares the backend.
lb::TerminationReport end_life(Balanced& net, const Kind& kind, const std::string& host, unsigned service) {
    const auto life = net.life(kind, host, service);
    lb::Plan plan;
    plan.condemn.push_back(life);
    net.plane.publish(plan);
    return net.plane.run(net.plane.kernel().reseat({life, true, lb::UdpFate::repoint}));
}

}  // namespace

TEST_CASE("every kind of client gets a backend for a service address [E10]", "[kernel][connect]") {
    Balanced net("connect");
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.client(kind);
        REQUIRE(client.connect(vip_of(kind.address)) == 0);
        const std::string host = client.echo("hello");
        CHECK(client.actual_peer() == net.endpoint(kind, host));
        CHECK(client.peer() == vip_of(kind.address));
        CHECK(net.open(kind, host) == 1);
        CHECK(net.indexed(kind, host) == 1);
    }
}

TEST_CASE("without a backend a connect is refused with ECONNREFUSED, nobody is picked [E14][E16][E20]",
          "[kernel][connect]") {
    Balanced net("no-backend");
    net.plane.condemn(net.box.host("a"));
    net.plane.condemn(net.box.host("b"));
    std::uint64_t refused = 0;
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.client(kind);
        CHECK(client.connect(vip_of(kind.address)) == ECONNREFUSED);
        CHECK_FALSE(client.peer());
        CHECK(net.stat("no_backend") == ++refused);
    }
    CHECK(net.stat("balanced") == 0);
    CHECK(net.box.host("a").server().connections_accepted() == 0);
}

TEST_CASE("a refused connect leaves a connected UDP socket as it was [E07]", "[kernel][connect]") {
    Balanced net("refused", {"a", "b", "c"}, {{"a", "b"}, {"c"}});
    net.plane.condemn(net.box.host("c"));
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.landed(kind, "a");
        REQUIRE(client.connect(vip_of(kind.address, 2)) == ECONNREFUSED);
        CHECK(client.peer() == vip_of(kind.address));
        CHECK(client.actual_peer() == net.endpoint(kind, "a"));
        CHECK(client.echo("still") == "a");
        CHECK(net.open(kind, "a") == 1);
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).repointed == 1);
        CHECK(client.echo("moved") == "b");
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("a refused TCP socket can be connected afterwards [E07]", "[kernel][connect]") {
    Balanced net("refused-tcp", {"a", "c"}, {{"a"}, {"c"}});
    net.plane.condemn(net.box.host("c"));
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client client = net.client(kind);
        REQUIRE(client.connect(vip_of(kind.address, 2)) == ECONNREFUSED);
        CHECK(client.connect(vip_of(kind.address)) == 0);
        CHECK(client.echo("hello") == "a");
    }
}

TEST_CASE("a socket that left its service is not touched when the backend goes [E03]", "[kernel][connect]") {
    Balanced net("left", {"a", "b", "c"}, {{"a", "b"}, {"c"}});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client elsewhere = net.landed(kind, "a");
        Client unconnected = net.landed(kind, "a");
        Client other_service = net.landed(kind, "a");
        for (Client* client : {&elsewhere, &unconnected, &other_service})
            if (kind.protocol == Protocol::tcp || client == &unconnected) REQUIRE(client->disconnect() == 0);
        unconnected.pending_error();  // TCP leaves ECONNRESET behind when it disconnects
        REQUIRE(elsewhere.connect(net.endpoint(kind, "c")) == 0);
        REQUIRE(other_service.connect(vip_of(kind.address, 2)) == 0);

        CHECK(net.plane.condemn(net.endpoint(kind, "a")).matched == 0);

        CHECK(elsewhere.echo("still") == "c");
        CHECK(elsewhere.peer() == net.endpoint(kind, "c"));
        CHECK(other_service.echo("still") == "c");
        CHECK(other_service.peer() == vip_of(kind.address, 2));
        CHECK_FALSE(unconnected.peer());
        CHECK(unconnected.pending_error() == 0);
        REQUIRE(unconnected.connect(vip_of(kind.address)) == 0);
        CHECK(unconnected.echo("again") == "b");
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("a direct connection to a backend is not ours [E04]", "[kernel][connect]") {
    Balanced net("direct");
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client direct = net.client(kind);
        REQUIRE(direct.connect(net.endpoint(kind, "a")) == 0);
        CHECK(direct.peer() == net.endpoint(kind, "a"));
        CHECK(direct.echo("hello") == "a");
        CHECK(net.indexed(kind, "a") == 0);
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).matched == 0);
        CHECK(direct.echo("still") == "a");
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE(
    "a socket that leaves its service for a direct connection to the same backend is not ours [E03][E04]",
    "[kernel][connect]") {
    Balanced net("same-direct");
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client direct = net.landed(kind, "a");
        if (kind.protocol == Protocol::tcp) REQUIRE(direct.disconnect() == 0);
        REQUIRE(direct.connect(net.endpoint(kind, "a")) == 0);
        CHECK(direct.peer() == net.endpoint(kind, "a"));
        CHECK(net.open(kind, "a") == 0);
        CHECK(net.indexed(kind, "a") == 0);
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).matched == 0);
        CHECK(direct.peer() == net.endpoint(kind, "a"));
        CHECK(direct.echo("still") == "a");
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("of two services that share a backend the one dialled last owns the socket [E05]",
          "[kernel][connect]") {
    Balanced net("shared", {"a", "b"}, {{"a", "b"}, {"a"}});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.landed(kind, "a");
        if (kind.protocol == Protocol::tcp) REQUIRE(client.disconnect() == 0);
        REQUIRE(client.connect(vip_of(kind.address, 2)) == 0);
        CHECK(client.peer() == vip_of(kind.address, 2));
        CHECK(net.open(kind, "a", 1) == 0);
        CHECK(net.indexed(kind, "a", 1) == 0);
        CHECK(end_life(net, kind, "a", 1).matched == 0);
        CHECK(client.peer() == vip_of(kind.address, 2));
        CHECK(client.echo("still") == "a");
        CHECK(net.open(kind, "a", 2) == 1);
        net.plane.condemn(net.endpoint(kind, "a"));
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("TCP and UDP of one service address are each by themselves [E11]", "[kernel][connect]") {
    Sandbox box("protocols");
    const Where vip = "10.96.0.1:80";
    TestPlane plane(box, {service(vip, {box.host("a").endpoint()}, Protocol::tcp),
                          service(vip, {box.host("b").endpoint()}, Protocol::udp)});
    Client tcp = box.client(Protocol::tcp);
    Client udp = box.client(Protocol::udp);
    REQUIRE(tcp.connect(vip) == 0);
    REQUIRE(udp.connect(vip) == 0);
    CHECK(tcp.echo("hello") == "a");
    CHECK(udp.echo("hello") == "b");
    plane.condemn(box.host("b"));
    CHECK(tcp.echo("still") == "a");
    CHECK(box.client(Protocol::udp).connect(vip) == ECONNREFUSED);
    Client again = box.client(Protocol::tcp);
    CHECK(again.connect(vip) == 0);
    CHECK(again.peer() == vip);
}

TEST_CASE("a failing connect to a destination without a route leaves a connected UDP socket ours [E63]",
          "[kernel][connect]") {
    Balanced net("no-route");
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const Where nowhere = kind.address == Family::v4 ? "203.0.113.1:9" : "[2001:db8::1]:9";
        Client client = net.landed(kind, "a");
        for (int attempt = 0; attempt < 3; ++attempt) {
            REQUIRE(client.connect(nowhere) == ENETUNREACH);
            CHECK(client.peer() == vip_of(kind.address));
            CHECK(client.actual_peer() == net.endpoint(kind, "a"));
        }
        CHECK(client.echo("still") == "a");
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).repointed == 1);
        CHECK(client.echo("moved") == "b");
        CHECK(client.peer() == vip_of(kind.address));
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("a life is not idle while a UDP socket hangs on it whose next connect failed [E63]",
          "[kernel][connect]") {
    Sandbox box("not-idle", {"a"});
    const Where vip = "10.96.0.1:80", lost = "10.96.0.2:80", nowhere = "203.0.113.1:9";
    const auto to = GENERATE(Where("10.96.0.2:80"), Where("203.0.113.1:9"));
    const auto a = box.host("a").endpoint();
    TestPlane plane(box, {service(vip, {a}, Protocol::udp), service(lost, {nowhere}, Protocol::udp)});
    const auto life = plane.life(to_string(vip) + "/udp", a);
    CHECK(plane.kernel().is_idle(life));
    Client client = box.client(Protocol::udp);
    REQUIRE(client.connect(vip) == 0);
    CHECK_FALSE(plane.kernel().is_idle(life));
    REQUIRE(client.connect(to) == ENETUNREACH);
    CHECK(plane.kernel().open_sockets(life) == 0);
    CHECK_FALSE(plane.kernel().is_idle(life));
    client.close();
    CHECK(plane.kernel().is_idle(life));
}

TEST_CASE("a failing connect through another service leaves a connected UDP socket ours [E63]",
          "[kernel][connect]") {
    Sandbox box("no-route-service", {"a", "b"});
    const Where vip = "10.96.0.1:80", lost = "10.96.0.2:80";
    const Where nowhere = "203.0.113.1:9";
    const auto a = box.host("a").endpoint(), b = box.host("b").endpoint();
    TestPlane plane(box, {service(vip, {a, b}, Protocol::udp), service(lost, {nowhere}, Protocol::udp)});
    Client client = box.client(Protocol::udp);
    REQUIRE(client.connect(vip) == 0);
    REQUIRE(client.actual_peer() == a);
    for (int attempt = 0; attempt < 3; ++attempt) {
        REQUIRE(client.connect(lost) == ENETUNREACH);
        CHECK(client.peer() == vip);
    }
    CHECK(plane.condemn(nowhere).matched == 0);
    CHECK(client.peer() == vip);
    CHECK(plane.condemn(a).repointed == 1);
    CHECK(client.echo("moved") == "b");
    CHECK(plane.kernel().open_sockets(plane.life(to_string(vip) + "/udp", b)) == 1);
}
