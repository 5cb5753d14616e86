// SPDX-License-Identifier: Apache-2.0
// Sockets that send without being connected, and what connected ones do besides send().
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

/// Sends `text` with sendmsg(); errno. A null `to`: on a connected socket. `hops` > 0 adds the control
/// message that sets the time to live.
int send_message(const Client& client, const SocketAddress* to, std::string text, int level = 0, int type = 0,
                 int hops = 0) {
    iovec payload{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &payload;
    message.msg_iovlen = 1;
    if (to) {
        message.msg_name = const_cast<sockaddr*>(to->get());
        message.msg_namelen = to->length;
    }
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    if (hops > 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = level;
        part->cmsg_type = type;
        part->cmsg_len = CMSG_LEN(sizeof hops);
        std::memcpy(CMSG_DATA(part), &hops, sizeof hops);
    }
    return ::sendmsg(client.fd(), &message, MSG_DONTWAIT) < 0 ? errno : 0;
}

int socket_family(const Kind& kind) {
    return kind.socket == Family::v4 ? AF_INET : AF_INET6;
}

/// Whom a datagram to this service address gets to.
std::string answer_to(Client& client, const Where& to) {
    REQUIRE(client.send_to(to, "hello") == 0);
    const auto received = client.recv();
    CHECK(received.from == to);
    return received.text.substr(0, received.text.find(':'));
}

}  // namespace

TEST_CASE("a datagram to a service address reaches a backend, the reply names the service [E10][E31]",
          "[kernel][datagram]") {
    Balanced net("sendto", {"a"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        CHECK(answer_to(client, vip_of(kind.address)) == "a");
        const SocketAddress to(vip_of(kind.address), socket_family(kind));
        CHECK(send_message(client, &to, "by message") == 0);
        const auto received = client.recv();
        CHECK(received.text == "a:by message");
        CHECK(received.from == vip_of(kind.address));
    }
}

TEST_CASE("without a backend a datagram is refused with ECONNREFUSED [E16][E20]", "[kernel][datagram]") {
    Balanced net("sendto-refused", {"a"});
    net.plane.condemn(net.box.host("a"));
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        const SocketAddress to(vip_of(kind.address), socket_family(kind));
        CHECK(client.send_to(vip_of(kind.address), "hello") == ECONNREFUSED);
        CHECK(send_message(client, &to, "hello") == ECONNREFUSED);
        CHECK(client.pending_error() == 0);
    }
    CHECK(net.box.host("a").server().datagrams() == 0);
}

TEST_CASE("each message of a sendmmsg is balanced and refused by itself [E16]", "[kernel][datagram]") {
    Balanced net("sendmmsg", {"a", "b"}, {{"a"}, {"b"}});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        net.plane.condemn(net.endpoint(kind, "b"));
        Client client = net.client(kind);
        SocketAddress first(vip_of(kind.address), socket_family(kind));
        SocketAddress second(vip_of(kind.address, 2), socket_family(kind));
        char text[] = "hi";
        iovec payload{text, 2};
        mmsghdr messages[2]{};
        for (auto& message : messages) message.msg_hdr.msg_iov = &payload, message.msg_hdr.msg_iovlen = 1;
        messages[0].msg_hdr.msg_name = first.get(), messages[0].msg_hdr.msg_namelen = first.length;
        messages[1].msg_hdr.msg_name = second.get(), messages[1].msg_hdr.msg_namelen = second.length;
        CHECK(::sendmmsg(client.fd(), messages, 2, 0) == 1);
        CHECK(client.recv().text == "a:hi");
        CHECK(::sendmmsg(client.fd(), messages + 1, 1, 0) == -1);
        CHECK(errno == ECONNREFUSED);
        net.plane.bring_back(net.endpoint(kind, "b"));
    }
}

TEST_CASE("an unconnected socket stays with its backend while others come and go [E32]",
          "[kernel][datagram]") {
    Balanced net("sticky", {"a", "b", "c"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const Where vip = vip_of(kind.address);
        Client client = net.client(kind);
        const std::string first = answer_to(client, vip);
        const auto local = client.local();
        for (const std::string other : {"a", "b", "c"}) {
            if (other == first) continue;
            net.plane.condemn(net.endpoint(kind, other));
            CHECK(answer_to(client, vip) == first);
            net.plane.bring_back(net.endpoint(kind, other));
            CHECK(answer_to(client, vip) == first);
        }
        net.plane.condemn(net.endpoint(kind, first));
        const std::string second = answer_to(client, vip);
        CHECK(second != first);
        net.plane.bring_back(net.endpoint(kind, first));
        for (int i = 0; i < 4; ++i) CHECK(answer_to(client, vip) == second);
        CHECK(client.local() == local);
    }
}

TEST_CASE("an unconnected socket leaves a backend that drains [E32]", "[kernel][datagram]") {
    Balanced net("sticky-drain", {"a", "b"});
    const Kind& kind = kKinds[3];
    Client client = net.client(kind);
    const std::string first = answer_to(client, vip_of(Family::v4));
    const std::string second = first == "a" ? "b" : "a";
    lb::Plan plan;
    plan.tables.push_back({2, Family::v4, {net.life(kind, second)}});
    plan.drain.push_back(net.life(kind, first));
    net.plane.publish(plan);
    CHECK(answer_to(client, vip_of(Family::v4)) == second);
}

TEST_CASE("one socket that sends to more services than it is noted for keeps its names [E31]",
          "[kernel][datagram]") {
    const std::vector<std::string> hosts{"a", "b", "c", "d", "e", "f"};
    std::vector<std::vector<std::string>> services;
    for (const auto& host : hosts) services.push_back({host});
    Balanced net("many-services", hosts, services);
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        for (unsigned number = 1; number <= hosts.size(); ++number)
            REQUIRE(client.send_to(vip_of(kind.address, number), "hello") == 0);
        for (unsigned i = 0; i < hosts.size(); ++i) {
            const auto received = client.recv();
            REQUIRE(received.error == 0);
            const auto number = static_cast<unsigned>(received.text[0] - 'a') + 1;
            CHECK(received.from == vip_of(kind.address, number));
        }
    }
}

TEST_CASE("a connected socket that names its service in each send stays with its backend [E06]",
          "[kernel][datagram]") {
    Balanced net("named", {"a", "b", "c"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.landed(kind, "b");
        const SocketAddress to(vip_of(kind.address), socket_family(kind));
        for (int i = 0; i < 6; ++i) {
            CHECK(answer_to(client, vip_of(kind.address)) == "b");
            CHECK(send_message(client, &to, "by message") == 0);
            CHECK(client.recv().text == "b:by message");
        }
        CHECK(net.plane.condemn(net.endpoint(kind, "b")).repointed == 1);
        const auto moved = answer_to(client, vip_of(kind.address));
        CHECK((moved == "a" || moved == "c"));
        CHECK(client.echo("hello") == moved);
        net.plane.bring_back(net.endpoint(kind, "b"));
    }
}

TEST_CASE("a datagram to another service from a connected socket: each keeps its name [E06]",
          "[kernel][datagram]") {
    Balanced net("both", {"a", "b"}, {{"a", "b"}, {"a"}});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.landed(kind, "a");
        CHECK(answer_to(client, vip_of(kind.address, 2)) == "a");
        CHECK(client.peer() == vip_of(kind.address));
        CHECK(net.open(kind, "a") == 1);
        CHECK(net.indexed(kind, "a") == 1);
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).repointed == 1);
        CHECK(client.echo("moved") == "b");
        CHECK(client.peer() == vip_of(kind.address));
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("a datagram sent directly to a backend is answered by the backend's name [E04]",
          "[kernel][datagram]") {
    Balanced net("sendto-direct", {"a"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        CHECK(answer_to(client, net.endpoint(kind, "a")) == "a");
        CHECK(answer_to(client, vip_of(kind.address)) == "a");
        CHECK(answer_to(client, net.endpoint(kind, "a")) == "a");
        CHECK(answer_to(client, vip_of(kind.address)) == "a");
    }
}

TEST_CASE("a connected send with a time to live of its own passes untouched [E47]", "[kernel][datagram]") {
    Balanced net("cmsg", {"a", "b"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.landed(kind, "a");
        const auto balanced = net.stat("balanced");
        if (kind.address == Family::v4)
            CHECK(send_message(client, nullptr, "far", IPPROTO_IP, IP_TTL, 7) == 0);
        else
            CHECK(send_message(client, nullptr, "far", IPPROTO_IPV6, IPV6_HOPLIMIT, 7) == 0);
        const auto received = client.recv();
        CHECK(received.text == "a:far");
        CHECK(received.from == vip_of(kind.address));
        CHECK(net.stat("balanced") == balanced);
    }
    net.plane.condemn(net.box.host("b"));  // and is not refused for want of a backend
    Client client = net.landed(kKinds[3], "a");
    net.plane.take_out(net.endpoint(kKinds[3], "a"));
    CHECK(send_message(client, nullptr, "far", IPPROTO_IP, IP_TTL, 7) == 0);
    CHECK(client.recv().text == "a:far");
}

TEST_CASE("a connected socket whose backend is a service address is translated only once [E50]",
          "[kernel][datagram]") {
    Sandbox box("chain", {"a", "b"});
    const Where vip = "10.96.0.1:80";
    const auto a = box.host("a").endpoint(), b = box.host("b").endpoint();
    TestPlane plane(box, {service(vip, {a}, Protocol::udp), service(a, {b}, Protocol::udp)});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        if (kind.address == Family::v6) continue;
        INFO(kind);
        Client client = box.client(kind.protocol, kind.socket);
        REQUIRE(client.connect(vip) == 0);
        for (int i = 0; i < 3; ++i) CHECK(client.echo("hello") == "a");
        CHECK(client.peer() == vip);
        CHECK(box.host("b").server().datagrams() == 0);
        Client unconnected = box.client(kind.protocol, kind.socket);
        CHECK(answer_to(unconnected, vip) == "a");
    }
    CHECK(box.host("b").server().datagrams() == 0);
}
