// SPDX-License-Identifier: Apache-2.0
// least_conn, and the live counts that it goes by.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>

#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

const Where kVip = "10.96.0.1:80";

lb::Service by_least_conn(Sandbox& box, const std::vector<std::string>& hosts, Protocol protocol) {
    std::vector<Endpoint> backends;
    for (const auto& host : hosts) backends.push_back(box.host(host).endpoint());
    lb::Service made = service(kVip, backends, protocol);
    made.lb_policy = lb::LbPolicy::least_conn;
    return made;
}

/// One service on a plane whose tables the test writes.
struct Net {
    Net(const std::string& name, Protocol protocol_, const bpf::KernelOptions& options = {})
        : box(name, {"a", "b"}),
          protocol(protocol_),
          spec(by_least_conn(box, {"a", "b"}, protocol)),
          plane(box, {spec}, options) {}

    lb::LifeId life(const std::string& host) { return plane.life(spec.name, box.host(host).endpoint()); }
    std::uint64_t open(const std::string& host) { return plane.kernel().open_sockets(life(host)); }
    std::uint64_t connects(const std::string& host) { return plane.kernel().connects_total(life(host)); }
    void publish(const std::vector<std::string>& hosts) {
        lb::Plan plan;
        plan.tables = {{plane.service_id(spec.name), Family::v4, {}}};
        for (const auto& host : hosts) plan.tables[0].slots.push_back(life(host));
        plane.publish(plan);
    }
    Client connected() {
        Client client = box.client(protocol);
        REQUIRE(client.connect(kVip) == 0);
        return client;
    }
    std::vector<Client> connected(std::size_t count) {
        std::vector<Client> clients;
        for (std::size_t i = 0; i < count; ++i) clients.push_back(connected());
        return clients;
    }
    std::string host_of(const Client& client) {
        return box.host("a").owns(client.actual_peer().value()) ? "a" : "b";
    }

    Sandbox box;
    Protocol protocol;
    lb::Service spec;
    TestPlane plane;
};

void reset(Client& client) {
    const linger abort{1, 0};
    REQUIRE(::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
    client.close();
}

}  // namespace

TEST_CASE("least_conn: of two backends the one with fewer open sockets, always", "[kernel][least_conn]") {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        Net net("least", protocol);
        auto clients = net.connected(20);
        CHECK(net.open("a") == 10);
        CHECK(net.open("b") == 10);
        std::erase_if(clients, [&](const Client& client) { return net.host_of(client) == "a"; });
        CHECK(net.open("a") == 0);
        for (std::size_t i = 0; i < 10; ++i) {
            clients.push_back(net.connected());
            CHECK(net.host_of(clients.back()) == "a");
        }
        CHECK(net.open("b") == 10);
    }
}

TEST_CASE("least_conn: fewer for its weight, where weights differ", "[kernel][least_conn]") {
    Net net("least-weighted", Protocol::udp);
    net.publish({"a", "a", "b", "a"});
    const auto clients = net.connected(200);
    CHECK(net.open("a") + net.open("b") == 200);
    CHECK(net.open("b") >= 47);  // b comes as often as it is asked and needs it: half of all choices
    CHECK(net.open("b") <= 51);
}

TEST_CASE("least_conn: a table with one backend, or one slot, has no choice", "[kernel][least_conn]") {
    Net net("least-one", Protocol::udp);
    net.publish({"b"});
    for (int i = 0; i < 3; ++i) CHECK(net.host_of(net.connected()) == "b");
    net.publish({"a", "a"});
    for (int i = 0; i < 3; ++i) CHECK(net.host_of(net.connected()) == "a");
    net.publish({});
    CHECK(net.box.client(Protocol::udp).connect(kVip) == ECONNREFUSED);
}

TEST_CASE("live counts are exact after each way in which a socket can end or leave", "[kernel][least_conn]") {
    Net net("counts", Protocol::tcp);
    auto clients = net.connected(8);
    reset(clients[0]);
    clients[1].close();
    REQUIRE(clients[2].disconnect() == 0);
    clients[2].close();
    net.box.host("a").stop();  // RST, or FIN and then RST
    net.box.host("b").stop();
    clients[3].send("anybody?");
    clients[3].close();
    CHECK(net.open("a") + net.open("b") == 4);
    Client refused = net.box.client();
    CHECK(refused.connect(kVip) == ECONNREFUSED);
    CHECK(net.open("a") + net.open("b") == 4);  // its descriptor is open, and nothing is connected to it
    refused.close();
    CHECK(net.open("a") + net.open("b") == 4);
    clients.clear();
    CHECK(net.open("a") == 0);
    CHECK(net.open("b") == 0);
}

TEST_CASE("sockets that are moved are counted where they are", "[kernel][least_conn]") {
    Net net("moved", Protocol::udp);
    auto clients = net.connected(20);
    const auto dead = net.life("a");
    const auto report = net.plane.condemn(net.box.host("a").endpoint());
    CHECK(report.repointed == 10);
    CHECK(net.plane.kernel().open_sockets(dead) == 0);
    CHECK(net.open("b") == 20);
    net.plane.bring_back(net.box.host("a").endpoint());
    for (int i = 0; i < 20; ++i) clients.push_back(net.connected());
    CHECK(net.open("a") == 20);
    clients.clear();
    CHECK(net.open("a") == 0);
    CHECK(net.open("b") == 0);
}

TEST_CASE("what an outgrown set of maps counted goes on to count", "[kernel][least_conn]") {
    Net net("least-grown", Protocol::udp, {.max_slots = 4});
    net.publish({"a"});
    auto clients = net.connected(10);
    net.publish({"a", "b", "a", "b", "a", "b", "a", "b"});  // no room: a new set
    REQUIRE(net.plane.pump_until([&] { return net.open("a") == 10; }));
    net.publish({"a", "b"});
    // Until it knows what the set before counted, both look alike: then not all would go to b.
    const auto all_to_b = [&] {
        const auto before = net.connects("b");
        for (int i = 0; i < 12; ++i) (void)net.connected();
        return net.connects("b") == before + 12;
    };
    CHECK(net.plane.pump_until(all_to_b));
    for (int i = 0; i < 10; ++i) clients.push_back(net.connected());
    CHECK(net.open("a") == 10);
    CHECK(net.open("b") == 10);
}
