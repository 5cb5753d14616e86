// SPDX-License-Identifier: Apache-2.0
// What policies do to connect() and sendto(). The kernel's selftest sock_addr has the plain denials too
// ("connect4: deny", "connect6: deny", "sendmsg4: deny", "sendmsg6: deny").
#include "tests/kernel/support/policies.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <random>

#include <netinet/in.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// send() with an IP-level control message on a connected socket.
int send_with_ttl(const Client& client, std::string_view text) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr message{
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    const bool v6 = client.family() == Family::v6;
    header->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    header->cmsg_type = v6 ? IPV6_HOPLIMIT : IP_TTL;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    *reinterpret_cast<int*>(CMSG_DATA(header)) = 7;
    return ::sendmsg(client.fd(), &message, 0) < 0 ? errno : 0;
}

std::vector<lb::AccessPolicy> random_policies(std::mt19937& random) {
    const auto upto = [&](unsigned most) { return std::uniform_int_distribution<unsigned>(0, most)(random); };
    const auto network = [&](unsigned least, Address at) {
        const unsigned bits = least + upto(128 - least);
        for (unsigned bit = bits; bit < 128; ++bit)
            at.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
        return lb::Cidr{at, bits};
    };
    std::vector<lb::AccessPolicy> policies;
    for (unsigned i = 0, count = 1 + upto(3); i < count; ++i) {
        policies.push_back(upto(2) ? deny({}) : allow({}));
        policies.back().name += std::to_string(i);
        for (unsigned j = 0, size = 1 + upto(60); j < size; ++j) {
            const bool v4 = upto(1);
            const auto at = v4 ? Address::v4({198, 18, 0, static_cast<std::uint8_t>(upto(7))})
                               : parse_address("2001:db8::" + std::to_string(upto(7))).value();
            lb::Destination to{network(v4 ? 96 : 0, at), {}, {}, {}};
            if (upto(1)) to.except.push_back(network(to.cidr.bits, at));
            if (upto(1)) to.protocol = upto(1) ? Protocol::tcp : Protocol::udp;
            if (upto(1)) {
                const auto first = static_cast<std::uint16_t>(1 + upto(9));
                to.ports.push_back({first, static_cast<std::uint16_t>(first + upto(3))});
            }
            policies.back().to.push_back(std::move(to));
        }
    }
    return policies;
}

}  // namespace

TEST_CASE("a denied connect fails with EPERM, one to elsewhere does not, for every kind [E10][E21]",
          "[kernel][policy]") {
    Balanced net("policy");
    set_policies(net.plane, {deny(all_of(net.box.host("a")))});
    long long denied = 0;
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.client(kind);
        CHECK(client.connect(net.endpoint(kind, "a")) == EPERM);
        CHECK_FALSE(client.peer());
        CHECK(denials(net.plane) == ++denied);
        CHECK(client.connect(net.endpoint(kind, "b")) == 0);
        CHECK(client.echo("hello") == "b");
    }
    CHECK(net.stat("denied") == static_cast<std::uint64_t>(denied));
    set_policies(net.plane, {});
    for (const Kind& kind : kKinds) CHECK(net.client(kind).connect(net.endpoint(kind, "a")) == 0);
}

TEST_CASE("a denied sendto fails with EPERM, and the socket goes on [E21]", "[kernel][policy]") {
    Balanced net("policy-send");
    set_policies(net.plane, {deny(all_of(net.box.host("a")))});
    long long denied = 0;
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        CHECK(client.send_to(net.endpoint(kind, "a"), "hello") == EPERM);
        CHECK(denials(net.plane) == ++denied);
        REQUIRE(client.connect(net.endpoint(kind, "b")) == 0);
        CHECK(client.send_to(net.endpoint(kind, "a"), "hello") == EPERM);
        CHECK(denials(net.plane) == ++denied);
        CHECK(client.echo("hello") == "b");
    }
}

TEST_CASE("what the application dials is judged: a service address, whatever its backends",
          "[kernel][policy]") {
    Balanced net("policy-service");
    set_policies(net.plane,
                 {deny({{only(vip_of(Family::v4)), {}, {}, {}}, {only(vip_of(Family::v6)), {}, {}, {}}})});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.client(kind);
        CHECK(client.connect(vip_of(kind.address)) == EPERM);
        if (kind.protocol == Protocol::udp) CHECK(client.send_to(vip_of(kind.address), "hello") == EPERM);
        CHECK(client.connect(net.endpoint(kind, "a")) == 0);
    }
    CHECK(net.open_in_all() == 0);
    CHECK(net.stat("balanced") == 0);
}

TEST_CASE("a refused connect leaves a connected UDP socket as it was, a policy's refusal too [E07]",
          "[kernel][policy]") {
    Balanced net("policy-refused");
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        set_policies(net.plane, {});
        Client client = net.landed(kind, "a");
        set_policies(net.plane, {deny(all_of(net.box.host("b")))});
        CHECK(client.connect(net.endpoint(kind, "b")) == EPERM);
        CHECK(client.peer() == vip_of(kind.address));
        CHECK(client.echo("still") == "a");
        CHECK(net.open(kind, "a") == 1);
    }
}

TEST_CASE("protocol, ports, exceptions and order decide, and nobody at 0.0.0.0 or :: slips through",
          "[kernel][policy]") {
    Balanced net("policy-match");
    const auto refused = [&](const Where& to, Protocol protocol) {
        Client client = net.box.client(protocol, to.address.family());
        return client.connect_nonblocking(to) == EPERM;
    };
    const auto tcp = Protocol::tcp, udp = Protocol::udp;
    set_policies(net.plane,
                 {allow({{cidr("198.18.1.0/24"), {}, udp, {{53, 53}}}}),
                  deny({{cidr("198.18.0.0/16"), {cidr("198.18.2.0/24")}, udp, {{53, 53}, {8000, 8100}}}}),
                  deny({{cidr("::/0"), {cidr("2001:db8::/32")}, {}, {}}, {cidr("127.0.0.0/8"), {}, {}, {}}},
                       "other")});
    CHECK(refused("198.18.0.1:53", udp));
    CHECK(refused("198.18.0.1:8000", udp));
    CHECK(refused("198.18.0.1:8100", udp));
    CHECK_FALSE(refused("198.18.0.1:53", tcp));
    CHECK_FALSE(refused("198.18.0.1:54", udp));
    CHECK_FALSE(refused("198.18.0.1:7999", udp));
    CHECK_FALSE(refused("198.18.0.1:8101", udp));
    CHECK_FALSE(refused("198.18.2.9:53", udp));
    CHECK_FALSE(refused("198.18.1.9:53", udp));
    CHECK(refused("198.18.1.9:8001", udp));
    CHECK_FALSE(refused("198.19.0.1:53", udp));
    CHECK(refused("[2001:db9::1]:1", tcp));
    CHECK_FALSE(refused("[2001:db8::1]:1", tcp));
    CHECK(refused("[::1]:1", tcp));
    CHECK(refused("[::]:1", tcp));
    CHECK(refused("[::]:1", udp));
    CHECK(refused("127.1.2.3:1", udp));
    CHECK(refused("0.0.0.0:1", udp));
    CHECK(denials(net.plane, "other") == 6);
}

TEST_CASE("connected sockets send as before: plainly, v4-mapped, with a control message [E47][E50]",
          "[kernel][policy]") {
    Balanced net("policy-connected");
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        set_policies(net.plane, {});
        Client direct = net.client(kind), balanced = net.landed(kind, "a");
        REQUIRE(direct.connect(net.endpoint(kind, "a")) == 0);
        set_policies(net.plane, {deny(all_of(net.box.host("a")))});
        for (Client* client : {&direct, &balanced}) {
            CHECK(client->echo("plain") == "a");
            CHECK(send_with_ttl(*client, "ttl") == 0);
            CHECK(client->recv().text == "a:ttl");
            CHECK(client->send_to(*client->peer(), "named") == 0);
        }
        CHECK(denials(net.plane) == 0);
    }
}

TEST_CASE("reseat's own sockets are never denied [E23]", "[kernel][policy]") {
    Balanced net("policy-exempt");
    set_policies(net.plane, {deny({{cidr("0.0.0.0/0"), {}, {}, {}}, {cidr("::/0"), {}, {}, {}}})});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.client(kind);
        net.plane.kernel().exempter()(client.fd());
        if (kind.protocol == Protocol::udp) CHECK(client.send_to(net.endpoint(kind, "a"), "hello") == 0);
        CHECK(client.connect(net.endpoint(kind, "a")) == 0);
        CHECK(net.client(kind).connect(net.endpoint(kind, "a")) == EPERM);
    }
    Client outsider = net.box.outsider();
    CHECK(outsider.connect(net.box.host("a").endpoint()) == 0);
}

TEST_CASE("policies are replaced whole, and the counters of those that stay go on", "[kernel][policy]") {
    Balanced net("policy-replaced");
    const auto error = [&](const std::string& host) {
        return net.box.client().connect(net.box.host(host).endpoint());
    };
    for (int round = 0; round < 12; ++round) {
        INFO(round);
        const std::string name = "round-" + std::to_string(round);
        set_policies(net.plane,
                     {deny(all_of(net.box.host("a")), "stays"), deny(all_of(net.box.host("b")), name)});
        CHECK(error("a") == EPERM);
        CHECK(error("b") == EPERM);
        CHECK(denials(net.plane, "stays") == 2 * round + 1);
        CHECK(denials(net.plane, name) == 1);
        set_policies(net.plane,
                     {allow(all_of(net.box.host("a")), "open"), deny(all_of(net.box.host("a")), "stays"),
                      deny(all_of(net.box.host("b")), name)});
        CHECK(error("a") == 0);
        CHECK(error("b") == EPERM);
        CHECK(denials(net.plane, name) == 2);
        set_policies(net.plane, {deny(all_of(net.box.host("a")), "stays")});
        CHECK(error("a") == EPERM);
        CHECK(error("b") == 0);
    }
}

TEST_CASE("policies that do not fit leave the old ones in force", "[kernel][policy]") {
    Balanced net("policy-full");
    set_policies(net.plane, {deny(all_of(net.box.host("a")))});
    const lb::Destination one{cidr("198.18.0.0/16"), {}, {}, {}};
    const auto too_many =
        net.plane.kernel().set_policies({deny(std::vector(lb::kMaxDestinations + 1, one), "big")});
    REQUIRE_FALSE(too_many.has_value());
    CHECK(net.box.client().connect(net.box.host("a").endpoint()) == EPERM);
    CHECK(denials(net.plane) == 1);
}

TEST_CASE("a re-point to what is denied by now fails for good: the socket is ended [E21]",
          "[kernel][policy]") {
    Balanced net("policy-repoint");
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        set_policies(net.plane, {});
        Client client = net.landed(kind, "a");
        set_policies(net.plane, {deny({{only(vip_of(kind.address)), {}, {}, {}}})});
        const auto report = net.plane.condemn(net.endpoint(kind, "a"));
        CHECK(report.terminated == 1);
        CHECK(report.failed == 0);
        CHECK(client.recv_error() == ECONNABORTED);
        CHECK(denials(net.plane) == 0);
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("raw, ICMP and UDP-Lite sockets are judged by no policy: a stated limit [E69]",
          "[kernel][policy]") {
    Balanced net("policy-others");
    set_policies(net.plane, {deny({{cidr("0.0.0.0/0"), {}, {}, {}}})});
    const SocketAddress to(net.box.host("a").endpoint(), AF_INET);
    struct {
        int type, protocol;
    } const others[] = {{SOCK_RAW, IPPROTO_ICMP}, {SOCK_DGRAM, IPPROTO_ICMP}, {SOCK_DGRAM, IPPROTO_UDPLITE}};
    for (const auto& [type, protocol] : others) {
        INFO(type << " " << protocol);
        const auto made = net.box.maker().make(AF_INET, type, protocol);
        if (made.error) continue;  // this kernel has none, or not for us
        CHECK(::connect(made.fd.get(), to.get(), to.length) == 0);
    }
    CHECK(denials(net.plane) == 0);
}

TEST_CASE("the programs decide as denied_by does, for random policies and destinations", "[kernel][policy]") {
    Balanced net("policy-random");
    std::mt19937 random(20261122);
    const auto upto = [&](unsigned most) { return std::uniform_int_distribution<unsigned>(0, most)(random); };
    std::vector<Client> clients;  // nothing leads to these destinations, so that each is as new afterwards
    for (const auto protocol : {Protocol::tcp, Protocol::udp})
        for (const auto family : {Family::v4, Family::v6})
            clients.push_back(net.box.client(protocol, family));
    std::size_t denied = 0, decided = 0;
    for (int round = 0; round < 40; ++round) {
        const auto policies = random_policies(random);
        set_policies(net.plane, policies);
        for (int i = 0; i < 50; ++i, ++decided) {
            const unsigned which = upto(3);
            const bool v4 = which % 2 == 0 || upto(1);
            const std::string last = std::to_string(upto(9)), port = std::to_string(1 + upto(13));
            const Where to =
                (v4 ? "198.18.0." + last + ":" + port : "[2001:db8::" + last + "]:" + port).c_str();
            const auto protocol = which < 2 ? Protocol::tcp : Protocol::udp;
            const int error = clients[which].connect_nonblocking(to);
            const bool expected = denied_by(policies, to, protocol) != nullptr;
            CAPTURE(round, to_string(to), to_string(protocol), error);
            REQUIRE((error == EPERM) == expected);
            denied += expected;
        }
    }
    CHECK(denied > decided / 10);
    CHECK(denied < decided * 9 / 10);
}
