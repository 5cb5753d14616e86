// SPDX-License-Identifier: Apache-2.0
// What a TCP client is told when its backend is condemned, in each state, and who is left alone.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <future>

#include <netinet/tcp.h>
#include <poll.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

int state_of(const Client& client) {
    const auto info = inspect_socket(client.fd());
    return info ? info->state : TCP_CLOSE;
}

short poll_events(const Client& client) {
    pollfd entry{client.fd(), POLLIN | POLLOUT | POLLRDHUP, 0};
    ::poll(&entry, 1, 0);
    return entry.revents;
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
    CHECK(report.first_failure == "");
    Client again = box.client();
    REQUIRE(again.connect(kVip) == 0);
    CHECK(again.echo("hello") == "b");
    CHECK(again.peer() == kVip);
}

TEST_CASE("TCP blocked in recv and idle in poll: ECONNABORTED, then the end", "[kernel][terminate]") {
    Sandbox box("told", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client blocked = landing_on(box, "a", kVip);
    Client idle = landing_on(box, "a", kVip);
    a.vanish();
    auto told = std::async(std::launch::async, [&] {
        char byte;
        return ::recv(blocked.fd(), &byte, 1, 0) < 0 ? errno : 0;
    });
    CHECK(plane.condemn(a).terminated == 2);

    REQUIRE(told.wait_for(2s) == std::future_status::ready);
    CHECK(told.get() == ECONNABORTED);
    CHECK(blocked.recv().error == 0);  // told once, then end of file
    CHECK(blocked.send("more") == EPIPE);
    CHECK(poll_events(idle) == (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP));
    CHECK(idle.recv_error() == ECONNABORTED);
    CHECK(idle.pending_error() == 0);
}

TEST_CASE("SYN_SENT to a vanished host is aborted at once [E30]", "[kernel][terminate]") {
    Sandbox box("syn-sent", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    a.vanish();
    Client nonblocking = box.client();
    REQUIRE(nonblocking.connect_nonblocking(kVip) == EINPROGRESS);
    Client blocking = box.client();
    const SocketAddress vip(kVip, AF_INET);
    auto told = std::async(std::launch::async,
                           [&] { return ::connect(blocking.fd(), vip.get(), vip.length) == 0 ? 0 : errno; });
    REQUIRE(wait_until([&] { return state_of(blocking) == TCP_SYN_SENT; }));

    const auto report = plane.condemn(a);
    CHECK(report.terminated == 2);
    REQUIRE(told.wait_for(2s) == std::future_status::ready);
    CHECK(told.get() == ECONNABORTED);
    CHECK(nonblocking.finish_connect(0ms) == ECONNABORTED);
}

TEST_CASE("CLOSE_WAIT and FIN_WAIT with an open descriptor are ended too", "[kernel][terminate]") {
    Sandbox box("half-closed", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client close_wait = landing_on(box, "a", kVip);
    a.stop();
    REQUIRE(wait_until([&] { return state_of(close_wait) == TCP_CLOSE_WAIT; }));
    a.restart();
    Client fin_wait = landing_on(box, "a", kVip);
    a.vanish();
    REQUIRE(::shutdown(fin_wait.fd(), SHUT_WR) == 0);
    REQUIRE(state_of(fin_wait) == TCP_FIN_WAIT1);

    const auto report = plane.condemn(a);
    CHECK(report.terminated == 2);
    CHECK(fin_wait.recv_error() == ECONNABORTED);
    CHECK(close_wait.recv().error == 0);  // the end of file that came before wins
    CHECK(close_wait.send("more") == ECONNABORTED);
}

TEST_CASE("TIME_WAIT is never matched, also while its descriptor is open [E30]", "[kernel][terminate]") {
    Sandbox box("time-wait", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client client = landing_on(box, "a", kVip);
    const auto waits = [&] {
        for (const auto& socket : list_sockets(Protocol::tcp, Family::v4))
            if (socket.state == TCP_TIME_WAIT && socket.peer == a.endpoint()) return true;
        return false;
    };
    REQUIRE(::shutdown(client.fd(), SHUT_WR) == 0);
    REQUIRE(wait_until(waits));

    const auto report = plane.condemn(a);
    CHECK(report.matched == 0);
    CHECK(report.failed == 0);
    CHECK(report.first_failure == "");
    CHECK(waits());
}

TEST_CASE("a socket that was connected through us and listens now is left alone [E30]",
          "[kernel][terminate]") {
    Sandbox box("listens", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    const Where local = "10.99.0.1:40080";
    Client server = landing_on(box, "a", kVip, Protocol::tcp, Family::v4,
                               [&](Client& client) { REQUIRE(client.bind(local) == 0); });
    REQUIRE(server.disconnect() == 0);
    REQUIRE(::listen(server.fd(), 1) == 0);

    CHECK(plane.condemn(a).matched == 0);
    CHECK(state_of(server) == TCP_LISTEN);
    Client visitor = box.outsider();
    CHECK(visitor.connect(local) == 0);
}

TEST_CASE("TCP unconnected from us is left alone, even where another socket has its old tuple [E03]",
          "[kernel][terminate]") {
    Sandbox box("same-tuple", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    const Where local = "10.99.0.1:40081";
    const int yes = 1;
    auto bind_shared = [&](Client& client) {
        REQUIRE(::setsockopt(client.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
        REQUIRE(client.bind(local) == 0);
    };
    Client gone = landing_on(box, "a", kVip, Protocol::tcp, Family::v4, bind_shared);
    REQUIRE(gone.disconnect() == 0);
    REQUIRE(gone.pending_error() == ECONNRESET);  // its own doing
    Client stranger = box.outsider();
    bind_shared(stranger);
    REQUIRE(stranger.connect(a.endpoint()) == 0);
    REQUIRE(stranger.local() == local);

    const auto report = plane.condemn(a);
    CHECK(report.matched == 0);
    CHECK(stranger.echo("still here") == "a");
    CHECK(gone.pending_error() == 0);
}

TEST_CASE("an order to leave TCP open ends none", "[kernel][terminate]") {
    Sandbox box("leave", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    Client client = landing_on(box, "a", kVip);
    const auto lives = plane.take_out(a.endpoint());
    REQUIRE(lives.size() == 1);
    const auto report = plane.run(
        plane.kernel().reseat({.life = lives[0], .terminate_tcp = false, .udp = lb::UdpFate::repoint}));
    CHECK(report.matched == 0);
    CHECK(client.echo("still here") == "a");
    CHECK(plane.reseat(lives[0]).terminated == 1);
}
