// SPDX-License-Identifier: Apache-2.0
// Whom the application is told that it talks to.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <functional>

#include <netinet/in.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

struct Named {
    std::string text;
    Endpoint from;
};

/// Waits for a datagram without taking it.
void await_datagram(const Client& client) {
    char byte;
    REQUIRE(wait_until([&] { return ::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0; }));
}

Named by_recvfrom(const Client& client, int flags) {
    char text[64];
    SocketAddress from;
    const auto length = ::recvfrom(client.fd(), text, sizeof text, flags, from.get(), &from.length);
    REQUIRE(length >= 0);
    return {std::string(text, static_cast<std::size_t>(length)), from.endpoint()};
}

Named by_recvmsg(const Client& client, int flags) {
    char text[64];
    SocketAddress from;
    iovec payload{text, sizeof text};
    msghdr message{};
    message.msg_name = from.get();
    message.msg_namelen = from.length;
    message.msg_iov = &payload;
    message.msg_iovlen = 1;
    const auto length = ::recvmsg(client.fd(), &message, flags);
    REQUIRE(length >= 0);
    return {std::string(text, static_cast<std::size_t>(length)), from.endpoint()};
}

Named by_recvmmsg(const Client& client, int flags) {
    char text[64];
    SocketAddress from;
    iovec payload{text, sizeof text};
    mmsghdr message{};
    message.msg_hdr.msg_name = from.get();
    message.msg_hdr.msg_namelen = from.length;
    message.msg_hdr.msg_iov = &payload;
    message.msg_hdr.msg_iovlen = 1;
    REQUIRE(::recvmmsg(client.fd(), &message, 1, flags, nullptr) == 1);
    return {std::string(text, message.msg_len), from.endpoint()};
}

const std::vector<std::pair<const char*, Named (*)(const Client&, int)>> kWays{
    {"recvfrom", by_recvfrom}, {"recvmsg", by_recvmsg}, {"recvmmsg", by_recvmmsg}};

/// Every way of receiving, with and without MSG_PEEK; `send` makes the host answer "a:hello".
void check_names(const Client& client, const Endpoint& expected, const std::function<int()>& send) {
    for (const auto& [name, receive] : kWays) {
        INFO(name);
        REQUIRE(send() == 0);
        await_datagram(client);
        for (const int flags : {int{MSG_PEEK}, 0}) {
            const Named named = receive(client, flags);
            CHECK(named.text == "a:hello");
            CHECK(named.from == expected);
        }
    }
}

/// An unconnected socket whose datagrams to service 1 go to this host.
Client sender_to(Balanced& net, const Kind& kind, const std::string& host) {
    for (int attempt = 0; attempt < 20; ++attempt) {
        Client client = net.client(kind);
        REQUIRE(client.send_to(vip_of(kind.address), "hello") == 0);
        if (client.recv().text == host + ":hello") return client;
    }
    FAIL("no datagram landed on " << host);
    return net.client(kind);
}

/// A TCP listener on the client's address, made of a workload socket, so that it and what it accepts are in
/// the balanced cgroup.
Client listener_of(Balanced& net, const Kind& kind) {
    Client listener = net.client(kind);
    REQUIRE(listener.bind(Endpoint{net.box.lab().client_address(kind.address), 0}) == 0);
    REQUIRE(::listen(listener.fd(), 4) == 0);
    return listener;
}

}  // namespace

TEST_CASE("every way to receive names the service that was dialled [E31]", "[kernel][names]") {
    Balanced net("names", {"a"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const Where vip = vip_of(kind.address);
        Client connected = net.client(kind);
        REQUIRE(connected.connect(vip) == 0);
        check_names(connected, vip, [&] { return connected.send("hello"); });
        CHECK(connected.peer() == vip);
        Client unconnected = net.client(kind);
        check_names(unconnected, vip, [&] { return unconnected.send_to(vip, "hello"); });
        CHECK_FALSE(unconnected.peer());
    }
}

TEST_CASE("every way to receive names a backend that was dialled directly [E04][E31]", "[kernel][names]") {
    Balanced net("names-direct", {"a"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const auto a = net.endpoint(kind, "a");
        Client connected = net.client(kind);
        REQUIRE(connected.connect(a) == 0);
        check_names(connected, a, [&] { return connected.send("hello"); });
        Client left = net.landed(kind, "a");
        REQUIRE(left.connect(a) == 0);
        check_names(left, a, [&] { return left.send("hello"); });
    }
}

TEST_CASE("a TCP client is told the address that it dialled, connecting and connected [E31]",
          "[kernel][names]") {
    Balanced net("names-tcp", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client client = net.client(kind);
        const int error = client.connect_nonblocking(vip_of(kind.address));
        CHECK((error == EINPROGRESS || error == 0));
        REQUIRE(client.finish_connect() == 0);
        CHECK(client.peer() == vip_of(kind.address));
        CHECK(client.echo("hello") == "a");
    }
}

TEST_CASE("a datagram queued from a backend that has gone carries the service address [E14][E31]",
          "[kernel][names]") {
    Balanced net("late", {"a", "b"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const Where vip = vip_of(kind.address);
        Client connected = net.landed(kind, "a");
        Client twice = net.landed(kind, "a");
        Client unconnected = sender_to(net, kind, "a");
        REQUIRE(connected.send("late") == 0);
        REQUIRE(twice.send("late") == 0);
        REQUIRE(unconnected.send_to(vip, "late") == 0);
        for (const Client* client : {&connected, &twice, &unconnected}) await_datagram(*client);

        REQUIRE(net.plane.condemn(net.endpoint(kind, "a")).repointed == 2);
        REQUIRE(twice.connect(vip) == 0);
        REQUIRE(twice.connect(vip) == 0);
        REQUIRE(unconnected.send_to(vip, "again") == 0);

        CHECK(connected.recv().from == vip);
        const auto late = twice.recv();
        CHECK(late.text == "a:late");
        CHECK(late.from == vip);
        for (const std::string text : {"a:late", "b:again"}) {
            const auto received = unconnected.recv();
            CHECK(received.text == text);
            CHECK(received.from == vip);
        }
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("the last backend is gone: its late replies still carry the service address [E14]",
          "[kernel][names]") {
    Balanced net("late-last", {"a"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const Where vip = vip_of(kind.address);
        Client client = net.client(kind);
        REQUIRE(client.send_to(vip, "late") == 0);
        await_datagram(client);
        net.plane.condemn(net.endpoint(kind, "a"));
        CHECK(client.send_to(vip, "again") == ECONNREFUSED);
        const auto late = client.recv();
        CHECK(late.text == "a:late");
        CHECK(late.from == vip);
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("a server in the cgroup is told its real clients [E48]", "[kernel][names]") {
    Balanced net("accept", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client listener = listener_of(net, kind);
        Client client = net.client(kind);
        REQUIRE(client.connect(Where(listener.local().value())) == 0);
        SocketAddress from;
        const Client accepted(UniqueFd(::accept(listener.fd(), from.get(), &from.length)));
        CHECK(from.endpoint() == client.local());
        CHECK(accepted.peer() == client.local());
    }
}

TEST_CASE(
    "a server is told its real client also when that is a backend's address, and after it was a client "
    "itself [E48]",
    "[kernel][names]") {
    Balanced net("accept-backend", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client listener = net.landed(kind, "a");  // was a client through the service, becomes a server
        REQUIRE(listener.disconnect() == 0);
        REQUIRE(listener.bind(Endpoint{net.box.lab().client_address(kind.address), 0}) == 0);
        REQUIRE(::listen(listener.fd(), 4) == 0);
        CHECK(net.open_in_all() == 0);
        CHECK(net.indexed_in_all() == 0);
        const auto& machine = net.box.host("a").machine();
        machine.net().run([&] {
            Client client(
                UniqueFd(::socket(kind.address == Family::v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0)));
            if (client.connect(Where(listener.local().value())) != 0) return;
            SocketAddress from;
            const Client accepted(UniqueFd(::accept(listener.fd(), from.get(), &from.length)));
            CHECK(from.endpoint() == client.local());
            CHECK(from.endpoint().address == machine.address(kind.address));
            CHECK(accepted.peer() == client.local());
        });
    }
}

TEST_CASE("the error queue names the backend: no hook runs for it, a limit [E49]", "[kernel][names]") {
    Balanced net("names-errors", {"a"});
    net.box.host("a").stop();
    Client client = net.box.client(Protocol::udp);
    const int on = 1;
    REQUIRE(::setsockopt(client.fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
    REQUIRE(client.send_to(vip_of(Family::v4), "nobody is there") == 0);
    SocketAddress told;
    msghdr message{};
    message.msg_name = told.get();
    message.msg_namelen = told.length;
    REQUIRE(wait_until([&] { return ::recvmsg(client.fd(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0; }));
    CHECK(told.endpoint() == net.box.host("a").endpoint());
}
