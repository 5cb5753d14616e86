// SPDX-License-Identifier: Apache-2.0
// What an application bound before it connected stays bound when its socket is moved.
#include "lab/route_socket.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <net/if.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// An address of the client's that the kernel chooses towards nobody.
Address second_address(Family family) {
    return parse_address(family == Family::v4 ? "10.99.0.5" : "fd99::5").value();
}

/// Has it, and the machine `host` knows the way back to it.
void add_second_address(Sandbox& box, const std::string& host, Family family) {
    const std::string address = to_string(second_address(family));
    const std::string add = "ip addr add " + address +
                            (family == Family::v4 ? "/24" : "/64 nodad preferred_lft 0") +
                            " dev lan 2>/dev/null || true";
    REQUIRE(std::system(add.c_str()) == 0);
    const auto inside = box.host(host).machine().net().enter();
    lab::RouteSocket().add_neighbour("eth0", second_address(family), {0x02, 0x63, 0, 0, 0, 0x01});
}

int bind_to_device(const Client& client, const char* device) {
    return ::setsockopt(client.fd(), SOL_SOCKET, SO_BINDTODEVICE, device,
                        static_cast<socklen_t>(std::strlen(device))) == 0
               ? 0
               : errno;
}

std::string device_of(const Client& client) {
    char name[IFNAMSIZ] = {};
    socklen_t length = sizeof name;
    ::getsockopt(client.fd(), SOL_SOCKET, SO_BINDTODEVICE, name, &length);
    return name;
}

struct Dialled {
    const char* name;
    Family socket, address;
};

}  // namespace

TEST_CASE("a re-point keeps the source address that the application bound, with a port and without [E73]",
          "[kernel][repoint]") {
    const auto kind = GENERATE(Dialled{"v4", Family::v4, Family::v4}, Dialled{"v6", Family::v6, Family::v6},
                               Dialled{"v4-mapped", Family::v6, Family::v4});
    const int port = GENERATE(0, 40058);
    INFO(kind.name << ", port " << port);
    if (is_emulated() && kind.address == Family::v6) return skip("busybox makes no deprecated address");
    Sandbox box("bound-source", {"a", "b"});
    for (const std::string host : {"a", "b"}) add_second_address(box, host, kind.address);
    const auto& vip = kind.address == Family::v4 ? kVip : kVip6;
    TestPlane plane(
        box,
        {udp_service(vip, {box.host("a").endpoint(kind.address), box.host("b").endpoint(kind.address)})});
    const Endpoint own{second_address(kind.address), static_cast<std::uint16_t>(port)};
    Client client = landing_on(box, "a", vip, Protocol::udp, kind.socket,
                               [&](Client& socket) { REQUIRE(socket.bind(own) == 0); });
    const auto before = client.local();
    REQUIRE(before->address == own.address);
    const auto report = plane.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(client.local() == before);
    CHECK(client.actual_peer() == box.host("b").endpoint(kind.address));
    CHECK(client.echo("hello") == "b");
}

TEST_CASE("a socket that sends all the time never notices that it is moved with its bound address [E73]",
          "[kernel][repoint]") {
    Sandbox box("bound-busy", {"a", "b"});
    for (const std::string host : {"a", "b"}) add_second_address(box, host, Family::v4);
    TestPlane plane(box, {udp_service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp, Family::v4, [&](Client& socket) {
        REQUIRE(socket.bind(Endpoint{second_address(Family::v4), 0}) == 0);
    });
    const auto before = client.local();
    std::atomic<bool> stop = false;
    std::atomic<int> error = 0;
    std::thread sender([&] {
        while (!stop)
            if (::send(client.fd(), "x", 1, 0) < 0) error = errno;
    });
    const std::string hosts[] = {"a", "b"};
    for (int round = 0; round < 20; ++round) {
        const auto& from = box.host(hosts[round % 2]);
        CHECK(plane.condemn(from.endpoint()).repointed == 1);
        plane.bring_back(from.endpoint());
    }
    stop = true;
    sender.join();
    CHECK(error == 0);
    CHECK(client.local() == before);
}

TEST_CASE("bound before it was connected past us: that shows when it is moved, and stays [E73]",
          "[kernel][repoint]") {
    Sandbox box("bound-direct", {"a", "b"});
    for (const std::string host : {"a", "b"}) add_second_address(box, host, Family::v4);
    TestPlane plane(box, {udp_service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp, Family::v4, [&](Client& socket) {
        REQUIRE(socket.bind(Endpoint{second_address(Family::v4), 0}) == 0);
        REQUIRE(bind_to_device(socket, "lan") == 0);
        REQUIRE(socket.connect(box.host("b").endpoint()) == 0);
    });
    const auto before = client.local();
    REQUIRE(before->address == second_address(Family::v4));
    const auto report = plane.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(client.local() == before);
    CHECK(device_of(client) == "lan");
    CHECK(client.echo("hello") == "b");
    CHECK(plane.condemn(box.host("b")).terminated == 1);  // it can still be found
}

TEST_CASE("a re-point that needs another source address keeps the device that the application bound [E73]",
          "[kernel][repoint]") {
    Sandbox box("bound-device", {"a", "b"});
    // Towards b, and towards nobody else, the second address is the kernel's own choice.
    add_second_address(box, "b", Family::v4);
    const std::string route =
        "ip route add " + to_string(box.host("b").endpoint().address) + "/32 dev lan src 10.99.0.5";
    REQUIRE(std::system(route.c_str()) == 0);
    TestPlane plane(box, {udp_service(kVip, {box.host("a").endpoint(), box.host("b").endpoint()})});
    Client client = landing_on(box, "a", kVip, Protocol::udp, Family::v4,
                               [&](Client& socket) { REQUIRE(bind_to_device(socket, "lan") == 0); });
    const auto before = client.local();
    REQUIRE(before->address == box.lab().client_address());
    const auto report = plane.condemn(box.host("a"));
    CHECK(report.first_failure == "");
    CHECK(report.repointed == 1);
    CHECK(client.local() == Endpoint{second_address(Family::v4), before->port});
    CHECK(device_of(client) == "lan");
    CHECK(client.echo("hello") == "b");
}

TEST_CASE("a bound source address that may not go to the new backend: terminated, and it says why [E73]",
          "[kernel][repoint]") {
    const auto family = GENERATE(Family::v4, Family::v6);
    const bool loopback = GENERATE(true, false);
    INFO((family == Family::v4 ? "v4" : "v6") << (loopback ? ", loopback" : ", by a rule"));
    if (is_emulated() && !loopback) return skip("busybox makes no rule that is unreachable");
    Sandbox box("bound-forbidden", {"b"});
    const lab::EchoServer local("local", box.lab().client());
    add_second_address(box, "b", family);
    const std::string here = family == Family::v4 ? "127.0.0.1" : "::1";
    const Endpoint near{parse_address(here).value(), local.port()};
    const auto own = loopback ? near.address : second_address(family);
    const auto b = box.host("b").endpoint(family);
    const auto& vip = family == Family::v4 ? kVip : kVip6;
    TestPlane plane(box, {udp_service(vip, {near, b})});
    const auto bind = [&](Client& socket) { REQUIRE(socket.bind(Endpoint{own, 0}) == 0); };
    Client client = silently_on(box, near, vip, Protocol::udp, family, bind);
    const std::string rule = std::string("ip ") + (family == Family::v4 ? "-4" : "-6") + " rule add from " +
                             to_string(own) + " to " + to_string(b.address) + " unreachable";
    if (!loopback) REQUIRE(std::system(rule.c_str()) == 0);
    const auto report = plane.condemn(near);
    CHECK(report.repointed == 0);
    CHECK(report.terminated == 1);
    CHECK_THAT(report.first_failure, Catch::StartsWith("the bound source address " + to_string(own) +
                                                       " cannot reach " + to_string(b)));
    CHECK(client.recv_error() == ECONNABORTED);
}
