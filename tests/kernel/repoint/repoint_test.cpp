// SPDX-License-Identifier: Apache-2.0
// Connected UDP goes on at another backend, and its application does not notice.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <cerrno>
#include <future>

#include <poll.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

bool is_moved_to(Client& client, BackendHost& host, const std::optional<Endpoint>& local) {
    return client.actual_peer() == host.endpoint() && client.local() == local && client.pending_error() == 0;
}

}  // namespace

TEST_CASE("connected UDP is re-pointed, unseen by the application [E01][E31]", "[kernel][repoint]") {
    Sandbox box("repoint");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()})});
    Client victim = landing_on(box, "a", kVip, Protocol::udp);
    const auto local = victim.local();
    a.vanish();
    const auto report = plane.condemn(a);
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(report.terminated == 0);
    CHECK(victim.local() == local);
    CHECK(victim.actual_peer() == b.endpoint());
    CHECK(victim.peer() == kVip);
    CHECK(victim.echo("hello") == "b");
}

TEST_CASE(
    "idle and send-only UDP moves without one packet from the backend; without the order it does not "
    "[E01]",
    "[kernel][repoint]") {
    Sandbox box("statsd");
    auto& a = box.host("a");
    auto& b = box.host("b");
    a.vanish();  // before it could ever answer
    const auto order = GENERATE(true, false);
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()})});
    Client idle = silently_on(box, a.endpoint(), kVip, Protocol::udp);
    Client sends = silently_on(box, a.endpoint(), kVip, Protocol::udp);
    for (int i = 0; i < 10; ++i) REQUIRE(sends.send("before") == 0);
    const auto before = b.server().datagrams();

    const auto lives = plane.take_out(a.endpoint());
    REQUIRE(lives.size() == 1);
    if (order) CHECK(plane.reseat(lives[0]).repointed == 2);
    for (int i = 0; i < 10; ++i) REQUIRE(sends.send("after") == 0);
    REQUIRE(idle.send("at last") == 0);
    if (order) {
        CHECK(wait_until([&] { return b.server().datagrams() == before + 11; }));
    } else {
        CHECK_FALSE(wait_until([&] { return b.server().datagrams() != before; }, 200ms));
        CHECK(sends.actual_peer() == a.endpoint());
        CHECK(sends.pending_error() == 0);
    }
}

TEST_CASE("UDP of native IPv6, v4-mapped and dual-stack sockets is re-pointed [E10]", "[kernel][repoint]") {
    Sandbox box("families");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()}),
                          udp_service(kVip6, {a.endpoint(Family::v6), b.endpoint(Family::v6)})});
    Client mapped = landing_on(box, "a", kVip, Protocol::udp, Family::v6);
    Client native = landing_on(box, "a", kVip6, Protocol::udp, Family::v6);
    const auto mapped_local = mapped.local(), native_local = native.local();
    a.vanish();
    const auto report = plane.condemn(a);
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 2);
    CHECK(mapped.actual_peer() == b.endpoint());
    CHECK(native.actual_peer() == b.endpoint(Family::v6));
    CHECK(mapped.local() == mapped_local);
    CHECK(native.local() == native_local);
    CHECK(mapped.peer() == kVip);
    CHECK(native.peer() == kVip6);
    CHECK(mapped.echo("hello") == "b");
    CHECK(native.echo("hello") == "b");
}

TEST_CASE("queued datagrams of the old backend stay readable under the service address [E34]",
          "[kernel][repoint]") {
    Sandbox box("queued");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), b.endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    const auto before = a.server().datagrams();
    for (const auto text : {"one", "two"}) REQUIRE(client.send(text) == 0);
    REQUIRE(wait_until([&] { return a.server().datagrams() == before + 2; }));
    pollfd entry{client.fd(), POLLIN, 0};
    REQUIRE(::poll(&entry, 1, 1000) == 1);
    a.vanish();
    REQUIRE(plane.condemn(a).repointed == 1);
    REQUIRE(client.send("three") == 0);
    for (const std::string text : {"a:one", "a:two", "b:three"}) {
        const auto answer = client.recv();
        CHECK(answer.text == text);
        CHECK(answer.from == kVip);
    }
}

TEST_CASE("a thread blocked in recv goes on reading from the new backend", "[kernel][repoint]") {
    Sandbox box("blocked");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    auto reader = std::async(std::launch::async, [&] {
        char text[64];
        const auto length = ::recv(client.fd(), text, sizeof text, 0);
        return length < 0 ? "errno " + std::to_string(errno) : std::string(text, static_cast<size_t>(length));
    });
    a.vanish();
    REQUIRE(plane.condemn(a).repointed == 1);
    REQUIRE(client.send("woke") == 0);
    REQUIRE(reader.wait_for(2s) == std::future_status::ready);
    CHECK(reader.get() == "b:woke");
}

TEST_CASE("descriptors shared by dup and fork are one socket: moved once, for all [E34]",
          "[kernel][repoint]") {
    Sandbox box("shared");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    // Connected by a process that is gone: only a child of it still has the socket.
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    int go[2];
    REQUIRE(::pipe(go) == 0);
    auto heir = box.spawn([&] {
        char byte;
        if (::read(go[0], &byte, 1) != 1) return 1;
        return client.echo("from the child") == "b" ? 0 : 2;
    });
    const UniqueFd copy(::dup(client.fd()));
    a.vanish();
    CHECK(plane.condemn(a).repointed == 1);
    const Client twin{UniqueFd(::dup(copy.get()))};
    CHECK(twin.actual_peer() == box.host("b").endpoint());
    REQUIRE(::write(go[1], "", 1) == 1);
    CHECK(heir.wait() == 0);
    ::close(go[0]);
    ::close(go[1]);
}

TEST_CASE("a socket whose connector is gone is found in the process that inherited it [E34]",
          "[kernel][repoint]") {
    Sandbox box("heir");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    Client client = box.client(Protocol::udp);
    auto connector = box.spawn([&] { return client.connect(kVip); });
    REQUIRE(connector.wait() == 0);
    REQUIRE(client.actual_peer());
    auto heir = box.spawn([&] {
        if (::write(ready[1], "", 1) != 1) return 1;
        return ::pause();
    });
    char byte;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    const auto actual = client.actual_peer();
    const Endpoint from = *actual;
    client.close();  // the test's own copy
    const auto report = plane.condemn(from);
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("a pending ICMP error of the dead backend is cleared: the next send succeeds [E57]",
          "[kernel][repoint]") {
    Sandbox box("icmp");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp);
    const auto local = client.local();
    a.stop();
    REQUIRE(client.send("anybody?") == 0);
    pollfd entry{client.fd(), 0, 0};
    REQUIRE(::poll(&entry, 1, 2000) == 1);
    REQUIRE((entry.revents & POLLERR) != 0);
    REQUIRE(plane.condemn(a).repointed == 1);
    CHECK(client.send("hello") == 0);
    CHECK(client.recv().text == "b:hello");
    CHECK(is_moved_to(client, box.host("b"), local));
}

TEST_CASE("an explicitly bound socket keeps its port and address [E34]", "[kernel][repoint]") {
    Sandbox box("bound");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    const Where local = "10.99.0.1:40056";
    Client client = landing_on(box, "a", kVip, Protocol::udp, Family::v4,
                               [&](Client& socket) { REQUIRE(socket.bind(local) == 0); });
    a.vanish();
    REQUIRE(plane.condemn(a).repointed == 1);
    CHECK(is_moved_to(client, box.host("b"), local));
    CHECK(client.echo("hello") == "b");
}

/// The second look comes a millisecond after the first, the third one ten milliseconds after that.
TEST_CASE("re-pointing what is resolved is done at the first looks", "[kernel][repoint][speed]") {
    if (is_emulated()) return skip("an emulated processor says nothing of times");
    Sandbox box("speed");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    Duration best = 1h;
    for (int round = 0; round < 5; ++round) {
        Client client = landing_on(box, "a", kVip, Protocol::udp);
        REQUIRE(plane.pump_until([&] { return plane.kernel().unresolved_sockets() == 0; }, 30s));
        const auto report = plane.condemn(a.endpoint());
        REQUIRE(report.repointed >= 1);
        best = std::min(best, report.duration);
        plane.bring_back(a.endpoint());
    }
    INFO("best of five: " << std::chrono::duration_cast<std::chrono::microseconds>(best).count() << " us");
    CHECK(best < 10ms);
    WARN("one socket: " << std::chrono::duration_cast<std::chrono::microseconds>(best).count() << " us");
}
