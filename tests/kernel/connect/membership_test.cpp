// SPDX-License-Identifier: Apache-2.0
// Which sockets are balanced at all: the cgroup in which they were made, and reseat's own.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

int type_of(Protocol protocol) {
    return protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
}

int domain_of(Family family) {
    return family == Family::v4 ? AF_INET : AF_INET6;
}

}  // namespace

TEST_CASE("a socket made in another cgroup is not balanced, not even by a workload process [E53]",
          "[kernel][membership]") {
    Balanced net("carried-in", {"a"});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client outsider = net.box.outsider(kind.protocol, kind.socket);
        auto process = net.box.spawn([&] { return outsider.connect(vip_of(kind.address)); });
        CHECK(process.wait() == ENETUNREACH);
        CHECK(net.open(kind, "a") == 0);
    }
}

TEST_CASE("a socket made in the cgroup is balanced also for a process that has left it [E53]",
          "[kernel][membership]") {
    Balanced net("carried-out", {"a"});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        auto process = net.box.spawn([&] {
            Client client(UniqueFd(::socket(domain_of(kind.socket), type_of(kind.protocol), 0)));
            join_cgroup(cgroup2_mount());
            if (client.connect(vip_of(kind.address)) != 0) return 1;
            return client.echo("hello") == "a" && client.peer() == vip_of(kind.address) ? 42 : 2;
        });
        CHECK(process.wait() == 42);
    }
}

TEST_CASE("an exempt socket goes where it is told [E23]", "[kernel][membership]") {
    Balanced net("exempt", {"a"});
    const auto exempt = net.plane.kernel().exempter();
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client probe = net.client(kind);
        exempt(probe.fd());
        REQUIRE(probe.connect(net.endpoint(kind, "a")) == 0);
        CHECK(probe.echo("well?") == "a");
        CHECK(probe.peer() == net.endpoint(kind, "a"));
        Client lost = net.client(kind);
        exempt(lost.fd());
        CHECK(lost.connect(vip_of(kind.address)) == ENETUNREACH);
        if (kind.protocol == Protocol::udp) CHECK(lost.send_to(vip_of(kind.address), "well?") == ENETUNREACH);
    }
    CHECK(net.open_in_all() == 0);
    CHECK(net.indexed_in_all() == 0);
}

TEST_CASE("an exempt socket reaches a backend that is a service address itself [E23]",
          "[kernel][membership]") {
    Sandbox box("exempt-chain", {"a", "b"});
    const auto a = box.host("a").endpoint(), b = box.host("b").endpoint();
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        TestPlane plane(box, {service(a, {b}, protocol)});
        Client probe = box.client(protocol);
        plane.kernel().exempter()(probe.fd());
        REQUIRE(probe.connect(a) == 0);
        CHECK(probe.echo("well?") == "a");
        plane.condemn(b);
        Client other = box.client(protocol);
        plane.kernel().exempter()(other.fd());
        CHECK(other.connect(a) == 0);
    }
}

TEST_CASE("a backend in the cgroup connects to its own service [E22]", "[kernel][membership]") {
    Sandbox box("own-service", {});
    const lab::EchoServer server("self", box.lab().client());
    const Where vip = "10.96.0.1:80";
    const Endpoint self{box.lab().client_address(Family::v4), server.port()};
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        TestPlane plane(box, {service(vip, {self}, protocol)});
        Client client = box.client(protocol);
        REQUIRE(client.connect(vip) == 0);
        CHECK(client.echo("hello") == "self");
        CHECK(client.peer() == vip);
        CHECK(client.actual_peer() == self);
    }
}
