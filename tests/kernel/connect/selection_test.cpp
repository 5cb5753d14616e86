// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <map>

using namespace reseat;
using namespace reseat::test;

namespace {

std::string whom_it_gets(Balanced& net, const Kind& kind) {
    Client client = net.client(kind);
    REQUIRE(client.connect(vip_of(kind.address)) == 0);
    return client.echo("hello");
}

/// The table of one service and family, in this order; service ids are given in the order of the services.
void publish_order(Balanced& net, const Kind& kind, const std::vector<std::string>& hosts) {
    lb::Table table{kind.protocol == Protocol::tcp ? 1U : 2U, kind.address, {}};
    for (const auto& host : hosts) table.slots.push_back(net.life(kind, host));
    lb::Plan plan;
    plan.tables.push_back(table);
    net.plane.publish(plan);
}

const std::string& nth(const std::vector<std::string>& order, std::size_t position) {
    return order[position % order.size()];
}

}  // namespace

TEST_CASE("round robin takes the backends in the order of the table", "[kernel][selection]") {
    Balanced net("round-robin", {"a", "b", "c"});
    const std::vector<std::string> order{"a", "b", "c"};
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        std::size_t turn = 0;
        for (const Kind& kind : kinds_of(protocol))
            for (int i = 0; i < 6; ++i) CHECK(whom_it_gets(net, kind) == nth(order, turn++));
    }
}

TEST_CASE("weights are places in the table, taken in exactly its order", "[kernel][selection]") {
    Balanced net("weights", {"a", "b", "c"});
    const std::vector<std::string> order{"a", "a", "b", "a", "c", "a"};
    const Kind& kind = kKinds[0];
    publish_order(net, kind, order);
    for (std::size_t turn = 0; turn < 2 * order.size(); ++turn)
        CHECK(whom_it_gets(net, kind) == nth(order, turn));
    publish_order(net, kind, {"c"});
    for (int i = 0; i < 3; ++i) CHECK(whom_it_gets(net, kind) == "c");
}

TEST_CASE("datagrams of an unconnected socket per service take turns with connects", "[kernel][selection]") {
    Balanced net("turns", {"a", "b"});
    const Kind& kind = kKinds[3];
    for (int i = 0; i < 4; ++i) {
        CHECK(whom_it_gets(net, kind) == "a");
        Client sender = net.client(kind);
        REQUIRE(sender.send_to(vip_of(Family::v4), "hello") == 0);
        CHECK(sender.recv().text == "b:hello");
    }
}

TEST_CASE("random choice reaches every backend and no other", "[kernel][selection]") {
    Sandbox box("random");
    const Where vip = "10.96.0.1:80";
    auto random = service(vip, {box.host("a").endpoint(), box.host("b").endpoint()}, Protocol::udp);
    random.lb_policy = lb::LbPolicy::random;
    TestPlane plane(box, {random});
    std::map<Endpoint, int> hits;
    for (int i = 0; i < 200; ++i) {  // one of two is missed with probability 2^-199
        Client client = box.client(Protocol::udp);
        REQUIRE(client.connect(vip) == 0);
        ++hits[client.actual_peer().value()];
    }
    CHECK(hits.size() == 2);
    CHECK(hits[box.host("a").endpoint()] > 0);
    CHECK(hits[box.host("b").endpoint()] > 0);
}

TEST_CASE("each address family has a table of its own", "[kernel][selection]") {
    Balanced net("per-family", {"a", "b"});
    for (const Kind& kind : kKinds)
        if (kind.socket == kind.address) publish_order(net, kind, {kind.address == Family::v4 ? "a" : "b"});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        for (int i = 0; i < 2; ++i)
            CHECK(whom_it_gets(net, kind) == (kind.address == Family::v4 ? "a" : "b"));
    }
}

TEST_CASE("a family without backends is refused while the other is served [E16]", "[kernel][selection]") {
    Balanced net("one-family", {"a"});
    for (const Kind& kind : kKinds)
        if (kind.socket == Family::v6 && kind.address == Family::v6) publish_order(net, kind, {});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        if (kind.address == Family::v6)
            CHECK(net.client(kind).connect(vip_of(Family::v6)) == ECONNREFUSED);
        else
            CHECK(whom_it_gets(net, kind) == "a");
    }
}

TEST_CASE("each address family has its own turn: clients that alternate reach every backend of both [E85]",
          "[kernel][selection]") {
    Balanced net("family-turns", {"a", "b"});
    const auto sent = [&net](const Kind& kind) {
        Client sender = net.client(kind);
        REQUIRE(sender.send_to(vip_of(kind.address), "hello") == 0);
        return sender.recv().text.substr(0, 1);
    };
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        std::map<std::string, int> v4, v6;
        for (int i = 0; i < 20; ++i) {
            ++v6[whom_it_gets(net, {"v6", protocol, Family::v6, Family::v6})];
            ++v4[whom_it_gets(net, {"v4", protocol, Family::v4, Family::v4})];
        }
        for (int i = 0; protocol == Protocol::udp && i < 20; ++i) {
            ++v6[sent({"v6", protocol, Family::v6, Family::v6})];
            ++v4[sent({"v4-mapped", protocol, Family::v6, Family::v4})];
        }
        INFO(to_string(protocol));
        const int half = protocol == Protocol::udp ? 20 : 10;
        const std::map<std::string, int> evenly{{"a", half}, {"b", half}};
        CHECK(v4 == evenly);
        CHECK(v6 == evenly);
    }
}
