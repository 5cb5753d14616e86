// SPDX-License-Identifier: Apache-2.0
// Connects that chose their backend just before its life ended: reported, and if the report is lost, missed
// by nobody all the same.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>

using namespace reseat;
using namespace reseat::test;

namespace {

const Where kOther = "10.96.0.2:80";

/// Connected as far as its application knows; the SYN leaves with the first write.
Client connecting_later(Sandbox& box, const Where& to) {
    Client client = box.client();
    const int on = 1;
    REQUIRE(::setsockopt(client.fd(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) == 0);
    REQUIRE(::setsockopt(client.fd(), IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof on) == 0);
    REQUIRE(client.connect(to) == 0);
    return client;
}

int write_at_last(const Client& client) {
    return ::send(client.fd(), "first", 5, MSG_DONTWAIT | MSG_NOSIGNAL) == 5 ? 0 : errno;
}

bool heard_of(TestPlane& plane, lb::LifeId life) {
    return plane.pump_until([&] { return std::ranges::count(plane.raced(), life) > 0; });
}

}  // namespace

TEST_CASE(
    "the ring buffer of events is full: a connect that raced its backend's end is ended all the same "
    "[E29][E43]",
    "[kernel][raced]") {
    Sandbox box("ring-full", {"a", "b"});
    auto &a = box.host("a"), &b = box.host("b");
    TestPlane plane(box, {service(kVip, {a.endpoint()}), service(kOther, {b.endpoint()})});
    constexpr unsigned kRoom = 64 * 1024 / 32;  // an event takes 24 bytes and a header of 8
    std::vector<Client> crowd;
    for (unsigned i = 0; i <= kRoom; ++i) crowd.push_back(connecting_later(box, kVip));
    Client last = connecting_later(box, kOther);
    plane.run(plane.kernel().sockets({}));  // it has begun to watch
    a.vanish();
    plane.take_out(a.endpoint());
    const auto lives = plane.take_out(b.endpoint());
    REQUIRE(lives.size() == 1);
    for (const Client& client : crowd) REQUIRE(write_at_last(client) == 0);
    REQUIRE(stat(plane, "events_lost") > 0);
    const auto lost = stat(plane, "events_lost");
    REQUIRE(write_at_last(last) == 0);
    CHECK(stat(plane, "events_lost") == lost + 1);  // counted
    CHECK(stat(plane, "raced") == kRoom + 2);
    REQUIRE(heard_of(plane, lives[0]));
    CHECK(plane.reseat(lives[0]).terminated == 1);
    CHECK(last.pending_error() == ECONNABORTED);
}

TEST_CASE("a UDP connect that races its backend's drain is reported, and moved [E18][E29]",
          "[kernel][raced]") {
    Sandbox box("udp-drain", {"a", "b"});
    auto &a = box.host("a"), &b = box.host("b");
    TestPlane plane(
        box, {udp_service(kVip, {a.endpoint(), b.endpoint()}), service(kVip, {a.endpoint(), b.endpoint()})});
    const auto life = plane.life("10.96.0.1:80/udp", a.endpoint());
    const auto tcp_life = plane.life("10.96.0.1:80/tcp", a.endpoint());
    // As if they had read the table just before it changed.
    plane.publish({.drain = {life, tcp_life}});
    Client client = silently_on(box, a.endpoint(), kVip, Protocol::udp);
    Client tcp = landing_on(box, "a", kVip);
    REQUIRE(heard_of(plane, life));
    CHECK(std::ranges::count(plane.raced(), tcp_life) == 0);  // TCP sockets may stay while it drains
    const auto service = plane.service_id("10.96.0.1:80/udp");
    const auto alive = plane.life("10.96.0.1:80/udp", b.endpoint());
    plane.publish({.tables = {{.service = service, .family = Family::v4, .slots = {alive}}}});
    CHECK(plane.reseat(life).repointed == 1);
    CHECK(client.echo("hello") == "b");
    CHECK(tcp.echo("still here") == "a");
}
