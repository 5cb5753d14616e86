// SPDX-License-Identifier: Apache-2.0
// What one unconnected socket remembers: whose name an answer carries, and where each service's datagrams go.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace reseat;
using namespace reseat::test;

namespace {

/// Who answered, and by what name.
struct Answer {
    std::string host;
    std::optional<Endpoint> from;
};

Answer ask(Client& client, const Where& to) {
    REQUIRE(client.send_to(to, "hello") == 0);
    const auto received = client.recv();
    REQUIRE(received.error == 0);
    return {received.text.substr(0, received.text.find(':')), received.from};
}

std::vector<std::vector<std::string>> each_on(unsigned services, const std::vector<std::string>& hosts) {
    return std::vector(services, hosts);
}

/// Linux 6.18 delivers nothing any more to an IPv6 socket that was connected and unconnected, balanced or
/// not.
std::vector<Kind> kinds_that_unconnect() {
    auto kinds = kinds_of(Protocol::udp);
    std::erase_if(kinds, [](const Kind& kind) { return kind.address == Family::v6; });
    return kinds;
}

std::string other_of(const std::string& host) {
    return host == "a" ? "b" : "a";
}

}  // namespace

TEST_CASE("one socket, two services with the same backends: each answer carries its own name [E74]",
          "[kernel][history]") {
    Balanced net("two-names", {"a", "b"}, each_on(2, {"a", "b"}));
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        for (int i = 0; i < 4; ++i) {  // wherever the turns of both begin
            Client client = net.client(kind);
            std::array<std::set<std::string>, 2> used;
            for (int turn = 0; turn < 20; ++turn)
                for (unsigned number : {1, 2}) {
                    const auto answer = ask(client, vip_of(kind.address, number));
                    CHECK(answer.from == vip_of(kind.address, number));
                    used[number - 1].insert(answer.host);
                }
            CHECK(used[0].size() == 1);
            CHECK(used[1].size() == 1);
            CHECK(used[0] != used[1]);
        }
    }
}

TEST_CASE("services that have to share a backend: answers carry the name that was dialled last [E74]",
          "[kernel][history]") {
    Balanced net("last-name", {"a"}, each_on(5, {"a"}));
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        for (unsigned number : {2, 5, 2, 1, 5, 4, 3, 3, 1, 2})
            CHECK(ask(client, vip_of(kind.address, number)).from == vip_of(kind.address, number));
    }
}

TEST_CASE("the other backend is found however small its share [E74]", "[kernel][history]") {
    Balanced net("small-share", {"a", "b"}, each_on(2, {"a", "b"}));
    const Kind& kind = kKinds[3];
    lb::Table table{net.plane.service_id("10.96.0.2:80/udp"), Family::v4, {}};
    table.slots.assign(300, net.life(kind, "a", 2));
    table.slots[200] = net.life(kind, "b", 2);
    lb::Table first{net.plane.service_id("10.96.0.1:80/udp"), Family::v4, {net.life(kind, "a", 1)}};
    net.plane.publish({.tables = {first, table}});
    for (int i = 0; i < 5; ++i) {
        Client client = net.client(kind);
        REQUIRE(ask(client, vip_of(Family::v4, 1)).host == "a");
        CHECK(ask(client, vip_of(Family::v4, 2)).host == "b");
    }
}

TEST_CASE("maglev keeps its promise where services share a backend [E74]", "[kernel][history]") {
    Sandbox box("maglev-shared", {"a", "b"});
    std::vector<lb::Service> services;
    for (unsigned number : {1, 2}) {
        services.push_back(service(vip_of(Family::v4, number),
                                   {box.host("a").endpoint(), box.host("b").endpoint()}, Protocol::udp));
        services.back().lb_policy = lb::LbPolicy::maglev;
    }
    TestPlane plane(box, services);
    Client client = box.client(Protocol::udp);
    const auto host = ask(client, vip_of(Family::v4, 1)).host;
    for (int turn = 0; turn < 4; ++turn)
        for (unsigned number : {2, 1}) {
            const auto answer = ask(client, vip_of(Family::v4, number));
            CHECK(answer.host == host);
            CHECK(answer.from == vip_of(Family::v4, number));
        }
}

TEST_CASE("a backend that is dialled directly answers by its own name, whatever was sent before [E74][E04]",
          "[kernel][history]") {
    Balanced net("directly", {"a", "b"}, each_on(2, {"a", "b"}));
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const Where vip = vip_of(kind.address);
        Client client = net.client(kind);
        const auto used = ask(client, vip).host;
        // Another backend of the same service, which this socket never got through it.
        CHECK(ask(client, net.endpoint(kind, other_of(used))).from == net.endpoint(kind, other_of(used)));
        CHECK(ask(client, net.endpoint(kind, used)).from == net.endpoint(kind, used));
        const auto again = ask(client, vip);
        CHECK(again.from == vip);
        CHECK(again.host == used);
        CHECK(ask(client, vip_of(kind.address, 2)).from == vip_of(kind.address, 2));
        CHECK(ask(client, net.endpoint(kind, used)).from == net.endpoint(kind, used));
    }
}

TEST_CASE(
    "after connect(service) and connect(AF_UNSPEC) a backend answers by what is dialled then [E74][E03]",
    "[kernel][history]") {
    Balanced net("unconnected", {"a", "b"}, each_on(2, {"a", "b"}));
    for (const Kind& kind : kinds_that_unconnect()) {
        INFO(kind);
        for (const std::string host : {"a", "b"}) {
            Client client = net.landed(kind, "a");
            REQUIRE(client.disconnect() == 0);
            CHECK(ask(client, net.endpoint(kind, host)).from == net.endpoint(kind, host));
            CHECK(ask(client, vip_of(kind.address, 2)).from == vip_of(kind.address, 2));
            REQUIRE(client.connect(vip_of(kind.address)) == 0);
            REQUIRE(client.send("connected") == 0);
            CHECK(client.recv().from == vip_of(kind.address));
            CHECK(client.peer() == vip_of(kind.address));
        }
    }
}

TEST_CASE("a datagram names its peer until the socket connects there [E74][E06]", "[kernel][history]") {
    Balanced net("then-connect", {"a"}, each_on(2, {"a"}));
    for (const Kind& kind : kinds_that_unconnect()) {
        INFO(kind);
        Client client = net.client(kind);
        REQUIRE(ask(client, vip_of(kind.address, 1)).from == vip_of(kind.address, 1));
        REQUIRE(client.connect(vip_of(kind.address, 2)) == 0);
        REQUIRE(client.send("connected") == 0);
        CHECK(client.recv().from == vip_of(kind.address, 2));
        REQUIRE(client.disconnect() == 0);
        CHECK(ask(client, vip_of(kind.address, 1)).from == vip_of(kind.address, 1));
        REQUIRE(client.connect(net.endpoint(kind, "a")) == 0);
        REQUIRE(client.send("directly") == 0);
        CHECK(client.recv().from == net.endpoint(kind, "a"));
    }
}

TEST_CASE("late answers of a backend that a service has left keep their name [E74][E14]",
          "[kernel][history]") {
    Balanced net("late", {"a", "b"});
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        REQUIRE(client.send_to(vip_of(kind.address), "first") == 0);
        REQUIRE(wait_until([&] {
            char byte;
            return ::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
        }));
        const auto first = ask(client, vip_of(kind.address));  // the first answer; the second one waits
        net.plane.condemn(net.endpoint(kind, first.host));
        REQUIRE(client.send_to(vip_of(kind.address), "third") == 0);
        std::multiset<std::string> hosts;
        for (int i = 0; i < 2; ++i) {
            const auto received = client.recv();
            CHECK(received.from == vip_of(kind.address));
            hosts.insert(received.text.substr(0, 1));
        }
        CHECK(hosts == std::multiset<std::string>{"a", "b"});
        net.plane.bring_back(net.endpoint(kind, first.host));
    }
}

TEST_CASE("one socket stays with its backend of each service, however many there are [E74][E32]",
          "[kernel][history]") {
    const unsigned services = GENERATE(5, 6, 8, 20, 60, 70);
    INFO(services << " services");
    Balanced net("many", {"a", "b", "c"}, each_on(services, {"a", "b", "c"}));
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        std::map<unsigned, std::string> used;
        for (unsigned number = 1; number <= services; ++number)
            used[number] = ask(client, vip_of(kind.address, number)).host;
        for (int turn = 0; turn < 3; ++turn)
            for (unsigned number = 1; number <= services; ++number) {
                INFO("service " << number);
                const auto answer = ask(client, vip_of(kind.address, number));
                CHECK(answer.host == used[number]);
                if (services <= 60) CHECK(answer.from == vip_of(kind.address, number));
            }
        if (services > 60) continue;
        // And while others come and go.
        net.plane.condemn(net.endpoint(kind, used[1]));
        for (unsigned number = 1; number <= services; ++number)
            if (used[number] != used[1])
                CHECK(ask(client, vip_of(kind.address, number)).host == used[number]);
        net.plane.bring_back(net.endpoint(kind, used[1]));
    }
}

TEST_CASE("one socket: a service for which there is no room gets that of a backend that has ended [E74]",
          "[kernel][history]") {
    constexpr unsigned kRoom = 60;
    std::vector<std::vector<std::string>> services(kRoom / 2, {"a"});
    services.resize(kRoom, {"b"});
    services.push_back({"c"});
    Balanced net("room", {"a", "b", "c"}, services);
    const Kind& kind = kKinds[3];
    Client client = net.client(kind);
    for (unsigned number = 1; number <= kRoom; ++number) ask(client, vip_of(Family::v4, number));
    const auto late = [&] { return ask(client, vip_of(Family::v4, kRoom + 1)); };
    CHECK(late().from == vip_of(Family::v4, kRoom + 1));  // named all the same: c has one service
    CHECK(net.stat("unnoted") == 1);
    net.plane.condemn(net.endpoint(kind, "a"));
    for (unsigned i = 0; i < kRoom; ++i) late();  // looks for room, one record each time
    const auto unnoted = net.stat("unnoted");
    CHECK(unnoted < kRoom);
    CHECK(late().from == vip_of(Family::v4, kRoom + 1));
    CHECK(net.stat("unnoted") == unnoted);
    for (unsigned number = kRoom / 2 + 1; number <= kRoom; ++number)
        CHECK(ask(client, vip_of(Family::v4, number)).from == vip_of(Family::v4, number));
}
