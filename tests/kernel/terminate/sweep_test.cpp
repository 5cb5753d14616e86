// SPDX-License-Identifier: Apache-2.0
// More sockets than the index holds, many sockets, bound devices and scopes: all are found.
#include "lab/route_socket.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <cerrno>

#include <net/if.h>
#include <netinet/in.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

const Where kVip6Other = "[fd96::2]:80";

/// So many clients, of which those on `backend` are returned; `others` gets the rest.
std::vector<Client> many_on(Sandbox& box, const Endpoint& backend, const Where& vip, Protocol protocol,
                            Family family, int count, std::vector<Client>& others) {
    std::vector<Client> there;
    for (int i = 0; i < count; ++i) {
        Client client = box.client(protocol, family);
        if (client.connect(vip) != 0) throw std::runtime_error("cannot connect to the service");
        (client.actual_peer() == backend ? there : others).push_back(std::move(client));
    }
    return there;
}

int bind_to_device(const Client& client, const std::string& device) {
    return ::setsockopt(client.fd(), SOL_SOCKET, SO_BINDTODEVICE, device.data(),
                        static_cast<socklen_t>(device.size()));
}

/// connect() with the scope that an application gives to a link-local address.
int connect_scoped(const Client& client, const Where& to, const char* device) {
    SocketAddress address(to, AF_INET6);
    reinterpret_cast<sockaddr_in6&>(address.storage).sin6_scope_id = ::if_nametoindex(device);
    return ::connect(client.fd(), address.get(), address.length) == 0 ? 0 : errno;
}

/// Link-local addresses without the second that duplicate address detection takes.
Endpoint make_link_local(Sandbox& box, BackendHost& host) {
    const auto near = parse_address("fe80::1").value(), far = parse_address("fe80::b").value();
    lab::RouteSocket().add_address("lan", near, 64);
    host.machine().net().run([&] { lab::RouteSocket().add_address("eth0", far, 64); });
    const Endpoint there{far, host.server().port()};
    Client probe = box.outsider(Protocol::udp, Family::v6);
    if (connect_scoped(probe, there, "lan") != 0) throw std::runtime_error("no link-local address");
    if (!wait_until([&] { return probe.echoes("hello"); }, 10s))
        throw std::runtime_error("link-local neighbours do not hear each other");
    return there;
}

}  // namespace

TEST_CASE("more sockets than the index holds: all are ended, TCP and UDP, every family [E08][E10]",
          "[kernel][sweep]") {
    Sandbox box("overflow");
    auto& a = box.host("a");
    auto& b = box.host("b");
    const auto fate = GENERATE(lb::UdpFate::repoint, lb::UdpFate::terminate);
    TestPlane plane(box,
                    {service(kVip, {a.endpoint(), b.endpoint()}),
                     service(kVip6, {a.endpoint(Family::v6), b.endpoint(Family::v6)}),
                     udp_service(kVip, {a.endpoint(), b.endpoint()}, fate),
                     udp_service(kVip6, {a.endpoint(Family::v6), b.endpoint(Family::v6)}, fate)},
                    {.index_chunk = 4, .index_chunks = 2, .most_index_chunks = 2});
    std::vector<Client> victims, others;
    for (const auto protocol : {Protocol::tcp, Protocol::udp})
        for (const auto& [vip, socket, backend] :
             {std::tuple{kVip, Family::v4, Family::v4}, std::tuple{kVip, Family::v6, Family::v4},
              std::tuple{kVip6, Family::v6, Family::v6}})
            for (auto& client : many_on(box, a.endpoint(backend), vip, protocol, socket, 12, others))
                victims.push_back(std::move(client));
    REQUIRE(stat(plane, "index_overflow") > 0);
    REQUIRE(victims.size() == 36);
    Client direct = box.client(Protocol::udp);
    REQUIRE(direct.connect(a.endpoint()) == 0);

    const auto report = plane.condemn(a);
    CHECK(report.failed == 0);
    CHECK(report.first_failure == "");
    CHECK(report.matched == 36);
    for (auto& client : victims) {
        const auto peer = client.peer();
        if (peer) {  // moved: the address that was dialled, whatever the index had room for
            CHECK(fate == lb::UdpFate::repoint);
            CHECK((peer == kVip || peer == kVip6));
            CHECK(client.echo("hello") == "b");
        } else {
            CHECK(client.recv_error() == ECONNABORTED);
        }
    }
    for (auto& client : others) CHECK(client.echo("still here") == "b");
    CHECK(direct.echo("still here") == "a");
}

TEST_CASE("beyond the index, sockets that were unconnected or connected elsewhere are left [E03][E08]",
          "[kernel][sweep]") {
    Sandbox box("overflow-left");
    auto& a = box.host("a");
    auto& c = box.host("c");
    const Where elsewhere{Endpoint{c.endpoint().address, a.endpoint().port}};  // the same port
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()}, lb::UdpFate::terminate)},
                    {.index_chunk = 1, .index_chunks = 1, .most_index_chunks = 1});
    Client fills = landing_on(box, "a", kVip, Protocol::udp);
    Client moved = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(moved.connect(elsewhere) == 0);
    Client unconnected = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(unconnected.disconnect() == 0);
    Client victim = landing_on(box, "a", kVip, Protocol::udp);

    const auto report = plane.condemn(a);
    CHECK(report.matched == 2);
    CHECK(fills.recv_error() == ECONNABORTED);
    CHECK(victim.recv_error() == ECONNABORTED);
    CHECK(moved.actual_peer() == elsewhere);
    CHECK(moved.pending_error() == 0);
    CHECK(unconnected.pending_error() == 0);
}

TEST_CASE("thousands of sockets on one backend are ended in one go [E28]", "[kernel][sweep]") {
    Sandbox box("thousands");
    auto& a = box.host("a");
    lb::Service spec = service(kVip, {a.endpoint(), box.host("b").endpoint()});
    spec.connections.close_spread = 0s;
    TestPlane plane(box, {spec});
    std::vector<Client> others;
    auto victims = many_on(box, a.endpoint(), kVip, Protocol::tcp, Family::v4, 4000, others);
    REQUIRE(victims.size() == 2000);
    const auto report = plane.condemn(a);
    CHECK(report.terminated == 2000);
    CHECK(report.failed == 0);
    CHECK(sockets_to(a.endpoint(), Protocol::tcp) == 0);
    for (auto& client : victims) REQUIRE(client.recv_error(0ms) == ECONNABORTED);
    for (auto& client : others) REQUIRE(client.pending_error() == 0);
    if (!is_emulated()) CHECK(report.duration < 500ms);
    WARN("2000 sockets: " << std::chrono::duration_cast<std::chrono::microseconds>(report.duration).count()
                          << " us");
}

TEST_CASE("v4-mapped and dual-stack TCP sockets are ended [E10]", "[kernel][sweep]") {
    Sandbox box("mapped-tcp");
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint(), box.host("b").endpoint()})});
    Client mapped = landing_on(box, "a", kVip, Protocol::tcp, Family::v6);
    Client bystander = landing_on(box, "b", kVip, Protocol::tcp, Family::v6);
    CHECK(mapped.peer() == kVip);
    const auto report = plane.condemn(a);
    CHECK(report.terminated == 1);
    CHECK(mapped.recv_error() == ECONNABORTED);
    CHECK(bystander.echo("still here") == "b");
}

TEST_CASE("sockets bound to a device are found, bound before or after they connected [E66]",
          "[kernel][sweep]") {
    Sandbox box("device");
    auto& a = box.host("a");
    auto& b = box.host("b");
    TestPlane plane(
        box, {service(kVip, {a.endpoint(), b.endpoint()}), udp_service(kVip, {a.endpoint(), b.endpoint()})});
    auto bind_first = [](Client& client) { REQUIRE(bind_to_device(client, "lan") == 0); };
    Client tcp = landing_on(box, "a", kVip, Protocol::tcp, Family::v4, bind_first);
    Client udp = landing_on(box, "a", kVip, Protocol::udp, Family::v4, bind_first);
    Client late_udp = landing_on(box, "a", kVip, Protocol::udp);
    Client unbound_again = landing_on(box, "a", kVip, Protocol::udp, Family::v4, bind_first);
    REQUIRE(plane.pump_until([&] { return plane.kernel().unresolved_sockets() == 0; }, 30s));
    REQUIRE(bind_to_device(late_udp, "lan") == 0);
    REQUIRE(bind_to_device(unbound_again, "") == 0);
    a.vanish();
    const auto report = plane.condemn(a);
    CHECK(report.first_failure == "");
    CHECK(report.terminated == 1);
    CHECK(report.repointed == 3);
    CHECK(tcp.recv_error() == ECONNABORTED);
    CHECK(udp.echo("hello") == "b");
    CHECK(late_udp.echo("hello") == "b");
    CHECK(unbound_again.echo("hello") == "b");
}

TEST_CASE("backends on link-local addresses: their sockets are found by scope [E66]", "[kernel][sweep]") {
    Sandbox box("link-local", {"a"});
    const auto there = make_link_local(box, box.host("a"));
    TestPlane plane(box, {service(kVip6, {there}), udp_service(kVip6, {there}, lb::UdpFate::terminate),
                          udp_service(kVip6Other, {there}, lb::UdpFate::terminate)});
    Client tcp = box.client(Protocol::tcp, Family::v6);
    REQUIRE(connect_scoped(tcp, kVip6, "lan") == 0);
    Client udp = box.client(Protocol::udp, Family::v6);
    REQUIRE(connect_scoped(udp, kVip6, "lan") == 0);
    Client by_device = box.client(Protocol::udp, Family::v6);
    REQUIRE(bind_to_device(by_device, "lan") == 0);
    REQUIRE(by_device.connect(kVip6Other) == 0);
    for (auto* client : {&tcp, &udp, &by_device}) REQUIRE(client->echo("hello") == "a");
    const auto report = plane.condemn(there);
    CHECK(report.terminated == 3);
    for (auto* client : {&tcp, &udp, &by_device}) CHECK(client->recv_error() == ECONNABORTED);
}
