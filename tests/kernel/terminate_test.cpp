// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_plane.hpp"

#include <catch2/catch.hpp>

#include <cerrno>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

const Where kVip = "10.96.0.1:80";

/// A client that is connected through the service to this host.
Client landing_on(Sandbox& box, const std::string& host, const Where& vip, Protocol protocol = Protocol::tcp,
                  Family family = Family::v4) {
    for (int attempt = 0; attempt < 20; ++attempt) {
        Client client = box.client(protocol, family);
        REQUIRE(client.connect(vip) == 0);
        if (client.echo("hello") == host) return client;
    }
    FAIL("no connection landed on " << host);
    return box.client();
}

}  // namespace

TEST_CASE("a host that vanishes: its TCP clients are told, nobody else is [E04]", "[kernel][terminate]") {
    Sandbox box("vanish");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {service(kVip, {a.endpoint(), b.endpoint()})});
    Client victim = landing_on(box, "a", kVip);
    Client bystander = landing_on(box, "b", kVip);
    Client direct = box.client();
    REQUIRE(direct.connect(a.endpoint()) == 0);
    REQUIRE(direct.echo("hello") == "a");

    a.vanish();
    const auto report = plane.condemn(a);

    CHECK(victim.recv_error() == ECONNABORTED);
    CHECK(bystander.echo("still here") == "b");
    CHECK(direct.is_silent());
    CHECK(direct.actual_peer() == a.endpoint());
    CHECK(report.matched == 1);
    CHECK(report.terminated == 1);
    CHECK(report.failed == 0);
    WARN("duration us " << report.duration.count() / 1000);
    Client again = box.client();
    REQUIRE(again.connect(kVip) == 0);
    CHECK(again.echo("hello") == "b");
    CHECK(again.peer() == lb::parse_endpoint("10.96.0.1:80").value());
}

TEST_CASE("connected UDP is re-pointed, unseen by the application [E01][E31]", "[kernel][repoint]") {
    Sandbox box("repoint");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {service(kVip, {a.endpoint(), b.endpoint()}, Protocol::udp)});
    Client victim = landing_on(box, "a", kVip, Protocol::udp);
    const auto local = victim.local();
    a.vanish();
    const auto report = plane.condemn(a);
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(report.terminated == 0);
    CHECK(victim.local() == local);
    CHECK(victim.actual_peer() == b.endpoint());
    CHECK(victim.peer() == lb::parse_endpoint("10.96.0.1:80").value());
    CHECK(victim.echo("hello") == "b");
    WARN("duration us " << report.duration.count() / 1000);
}
