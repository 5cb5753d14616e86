// SPDX-License-Identifier: Apache-2.0
// Re-pointing where the way to the new backend needs another source address, and where it fails half-way.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/capabilities.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <thread>

#include <linux/capability.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

TEST_CASE("from loopback to another host: the source address changes, the port stays [E34][E56]",
          "[kernel][repoint]") {
    Sandbox box("from-loopback");
    const auto family = GENERATE(Family::v4, Family::v6);
    lab::EchoServer local("local", box.lab().client());
    const Endpoint near{parse_address(family == Family::v4 ? "127.0.0.1" : "::1").value(), local.port()};
    auto& b = box.host("b");
    const auto& vip = family == Family::v4 ? kVip : kVip6;
    TestPlane plane(box, {udp_service(vip, {near, b.endpoint(family)})});
    Client client = landing_on(box, "local", vip, Protocol::udp, family);
    const auto before = client.local();
    const auto report = plane.condemn(near);
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(client.actual_peer() == b.endpoint(family));
    CHECK(client.local()->port == before->port);
    CHECK(client.local()->address == box.lab().client_address(family));
    CHECK(client.peer() == vip);
    CHECK(client.echo("hello") == "b");
    CHECK(plane.condemn(b).terminated == 1);  // it can still be found
}

TEST_CASE("bound to an address that cannot reach the new backend: terminated, and it says why [E56]",
          "[kernel][repoint]") {
    Sandbox box("bound-loopback");
    lab::EchoServer local("local", box.lab().client());
    const Endpoint near{parse_address("127.0.0.1").value(), local.port()};
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {near, b.endpoint()})});
    const Where bound = "127.0.0.1:40057";
    Client client = box.client(Protocol::udp);
    REQUIRE(client.bind(bound) == 0);
    REQUIRE(client.connect(kVip) == 0);
    REQUIRE(client.actual_peer() == near);
    const auto report = plane.condemn(near);
    CHECK(report.repointed == 0);
    CHECK(report.terminated == 1);
    CHECK_THAT(report.first_failure, Catch::Contains("source address"));
    CHECK(client.recv_error() == ECONNABORTED);
}

TEST_CASE("no backend of its family is left: terminated, and it says why", "[kernel][repoint]") {
    Sandbox box("nowhere", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    const auto report = plane.condemn(a);
    CHECK(report.terminated == 1);
    CHECK(report.first_failure == "no backend to re-point to");
    CHECK(client.recv_error() == ECONNABORTED);
}

TEST_CASE("a new backend that cannot be routed to: terminated, and it says why [E63]", "[kernel][repoint]") {
    Sandbox box("no-route", {"a"});
    auto& a = box.host("a");
    const Where unreachable = "192.0.2.7:53";
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), unreachable})});
    Client client = box.client(Protocol::udp);
    REQUIRE(client.connect(kVip) == 0);
    REQUIRE(client.actual_peer() == a.endpoint());
    const auto report = plane.condemn(a);
    CHECK(report.terminated == 1);
    CHECK_THAT(report.first_failure, Catch::Contains("192.0.2.7:53") && Catch::Contains("unreachable"));
    CHECK(client.recv_error() == ECONNABORTED);
}

TEST_CASE("a connect that failed leaves ownership as it was: the socket is still moved [E63]",
          "[kernel][repoint]") {
    Sandbox box("failed-connect");
    auto& a = box.host("a");
    auto& b = box.host("b");
    const Where other = "10.96.0.2:80";
    const Where unreachable = "192.0.2.7:53";
    TestPlane plane(box,
                    {udp_service(kVip, {a.endpoint(), b.endpoint()}), udp_service(other, {unreachable})});
    Client through_service = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(through_service.connect(other) == ENETUNREACH);
    Client past_us = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(past_us.connect(unreachable) == ENETUNREACH);
    for (auto* client : {&through_service, &past_us}) {
        REQUIRE(client->actual_peer() == a.endpoint());
        CHECK(client->peer() == kVip);
    }
    const auto report = plane.condemn(a);
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 2);
    for (auto* client : {&through_service, &past_us}) {
        CHECK(client->actual_peer() == b.endpoint());
        CHECK(client->peer() == kVip);
        CHECK(client->echo("hello") == "b");
    }
}

TEST_CASE("a process that may not be traced: terminated instead, and it says why [E35][E63]",
          "[kernel][repoint]") {
    Sandbox box("no-ptrace");
    auto& a = box.host("a");
    lb::TerminationReport report;
    std::string trouble;
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    int told = -1;
    std::thread weak([&] {
        try {
            const auto inside = box.lab().client().enter();
            auto owner_client = std::make_unique<Client>(box.client(Protocol::udp));
            keep_only(~capabilities({CAP_SYS_PTRACE}));
            TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
            if (::write(ready[1], "", 1) != 1) throw std::runtime_error("pipe");
            if (!wait_until([&] { return sockets_to(a.endpoint(), Protocol::udp) == 1; }))
                throw std::runtime_error("nobody connected");
            report = plane.condemn(a);
        } catch (const std::exception& error) {
            trouble = error.what();
        }
    });
    auto victim = box.spawn([&] {
        char byte;
        if (::read(ready[0], &byte, 1) != 1) return 1;
        Client client(UniqueFd(::socket(AF_INET, SOCK_DGRAM, 0)));
        while (client.actual_peer() != a.endpoint())
            if (client.connect(kVip) != 0) return 2;
        return client.recv_error(5s);
    });
    weak.join();
    told = victim.wait();
    ::close(ready[0]);
    ::close(ready[1]);
    CHECK(trouble == "");
    CHECK(told == ECONNABORTED);
    CHECK(report.repointed == 0);
    CHECK(report.terminated == 1);
    CHECK_THAT(report.first_failure, Catch::Contains("descriptors of process") && Catch::Contains("ermi"));
}
