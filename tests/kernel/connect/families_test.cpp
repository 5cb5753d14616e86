// SPDX-License-Identifier: Apache-2.0
// One socket, both address families.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

/// An AF_INET address as it is, whatever the socket's family.
SocketAddress plain_v4(const Where& to) {
    return SocketAddress(to, AF_INET);
}

}  // namespace

// Not back again: on Linux 6.18 a UDP socket that was connected to a v4-mapped address, and is then connected
// to an IPv6 one, gets no answers from there, also without reseat.
TEST_CASE("one dual-stack UDP socket goes from one family to the other [E10]", "[kernel][families]") {
    Balanced net("dual-udp");
    const Kind &mapped = kKinds[5], &native = kKinds[4];
    Client client = net.box.client(Protocol::udp, Family::v6);
    for (const Kind& kind : {native, mapped}) {
        INFO(kind);
        REQUIRE(client.disconnect() == 0);
        REQUIRE(client.connect(vip_of(kind.address)) == 0);
        const std::string host = client.echo("hello");
        REQUIRE_FALSE(host.empty());
        CHECK(client.peer() == vip_of(kind.address));
        CHECK(client.actual_peer() == net.endpoint(kind, host));
        CHECK(net.open_in_all() == 1);
        CHECK(net.indexed_in_all() == 1);
    }
    client.close();
    CHECK(net.open_in_all() == 0);
    CHECK(net.indexed_in_all() == 0);
}

TEST_CASE("one dual-stack UDP socket sends to both families without connecting [E10][E31]",
          "[kernel][families]") {
    Balanced net("dual-sendto", {"a"});
    Client client = net.box.client(Protocol::udp, Family::v6);
    for (const Family family : {Family::v4, Family::v6, Family::v4}) {
        REQUIRE(client.send_to(vip_of(family), "hello") == 0);
        const auto received = client.recv();
        CHECK(received.text == "a:hello");
        CHECK(received.from == vip_of(family));
    }
}

TEST_CASE("an IPv6 UDP socket may be given an IPv4 address as it is [E10]", "[kernel][families]") {
    Balanced net("plain-v4");
    const Kind& kind = kKinds[5];
    const auto to = plain_v4(vip_of(Family::v4));
    Client connected = net.client(kind);
    REQUIRE(::connect(connected.fd(), to.get(), to.length) == 0);
    const std::string host = connected.echo("hello");
    CHECK(connected.actual_peer() == net.endpoint(kind, host));
    CHECK(connected.peer() == vip_of(Family::v4));
    CHECK(net.plane.condemn(net.endpoint(kind, host)).repointed == 1);
    CHECK(connected.echo("moved") == (host == "a" ? "b" : "a"));
    CHECK(connected.peer() == vip_of(Family::v4));

    Client unconnected = net.client(kind);
    REQUIRE(::sendto(unconnected.fd(), "hello", 5, 0, to.get(), to.length) == 5);
    CHECK(unconnected.recv().from == vip_of(Family::v4));
}

TEST_CASE("an IPv6-only socket gets IPv6 backends and nothing else [E10]", "[kernel][families]") {
    Balanced net("v6only", {"a"});
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        Client client = net.box.client(protocol, Family::v6);
        const int on = 1;
        REQUIRE(::setsockopt(client.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0);
        CHECK(client.connect(vip_of(Family::v4)) == ENETUNREACH);
        REQUIRE(client.connect(vip_of(Family::v6)) == 0);
        CHECK(client.echo("hello") == "a");
        CHECK(client.peer() == vip_of(Family::v6));
        CHECK(net.open_in_all() == 1);
    }
}

TEST_CASE("a dual-stack TCP socket is ended like any other, by either family [E10]", "[kernel][families]") {
    Balanced net("dual-tcp");
    for (const Family family : {Family::v4, Family::v6}) {
        const Kind kind{"tcp dual-stack", Protocol::tcp, Family::v6, family};
        Client client = net.landed(kind, "a");
        Client bystander = net.landed(kind, "b");
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).terminated == 1);
        CHECK(client.recv_error() == ECONNABORTED);
        CHECK(bystander.echo("still") == "b");
    }
}
