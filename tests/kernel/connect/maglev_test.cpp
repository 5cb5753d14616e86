// SPDX-License-Identifier: Apache-2.0
// maglev: whose connect goes where.
#include "lb/select/maglev.hpp"

#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;

namespace {

const Where kVip = "10.96.0.1:80";
const std::vector<std::string> kHosts = {"a", "b", "c", "d"};

/// The finalizer of MurmurHash3: what the programs spread a key with.
std::uint32_t spread(std::uint64_t key) {
    key = (key ^ (key >> 33)) * 0xff51afd7ed558ccdULL;
    key = (key ^ (key >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return static_cast<std::uint32_t>(key ^ (key >> 33));
}

int plain_socket(int type) {
    return ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
}

/// A service of all hosts by maglev, its table as the controller makes it.
struct Net {
    Net(const std::string& name, lb::HashKey key, Protocol protocol = Protocol::udp) : box(name, kHosts) {
        std::vector<Endpoint> all;
        for (const auto& host : kHosts) all.push_back(box.host(host).endpoint());
        spec = service(kVip, all, protocol);
        spec.lb_policy = lb::LbPolicy::maglev;
        spec.hash_key = key;
        plane = std::make_unique<TestPlane>(box, std::vector{spec});
        publish(kHosts);
    }

    lb::LifeId life(const std::string& host) { return plane->life(spec.name, box.host(host).endpoint()); }

    /// The table of these hosts; its slots' names are in `table` afterwards.
    void publish(const std::vector<std::string>& hosts) {
        std::vector<lb::MaglevBackend> backends;
        for (const auto& host : hosts) backends.push_back({box.host(host).endpoint(), 1});
        lb::Plan plan;
        plan.tables = {{plane->service_id(spec.name), Family::v4, {}}};
        table.clear();
        for (const auto slot : lb::maglev(backends, lb::maglev_size(kHosts.size()))) {
            table.push_back(hosts[slot]);
            plan.tables[0].slots.push_back(life(hosts[slot]));
        }
        plane->publish(plan);
    }

    std::string host_of(const Client& client) {
        const auto peer = client.actual_peer();
        for (const auto& host : kHosts)
            if (peer && box.host(host).owns(*peer)) return host;
        return "nobody";
    }

    /// Whom a workload process of this user gets.
    std::string whom(uid_t uid) {
        auto child = box.spawn([&] {
            if (::setresuid(uid, 0, 0) != 0) return 1;
            Client client{UniqueFd(plain_socket(SOCK_DGRAM))};
            if (client.connect(kVip) != 0) return 2;
            return static_cast<int>(host_of(client)[0]);
        });
        return std::string(1, static_cast<char>(child.wait()));
    }

    Sandbox box;
    lb::Service spec;
    std::unique_ptr<TestPlane> plane;
    std::vector<std::string> table;
};

}  // namespace

TEST_CASE("maglev by uid: the table's slot that the user hashes to, every time", "[kernel][maglev]") {
    Net net("by-uid", lb::HashKey::uid);
    std::set<std::string> seen;
    for (uid_t uid = 0; uid < 40; ++uid) {
        const std::string meant = net.table[spread(uid) % net.table.size()];
        CHECK(net.whom(uid) == meant);
        seen.insert(meant);
    }
    CHECK(seen.size() == kHosts.size());
    const std::string ours = net.table[spread(0) % net.table.size()];
    for (const Protocol protocol : {Protocol::udp, Protocol::udp}) {
        Client client = net.box.client(protocol);
        REQUIRE(client.connect(kVip) == 0);
        CHECK(net.host_of(client) == ours);
    }
}

TEST_CASE("maglev by process: one process keeps its backend, many use all", "[kernel][maglev]") {
    Net net("by-process", lb::HashKey::process);
    std::set<std::string> seen;
    for (int i = 0; i < 60 && seen.size() < kHosts.size(); ++i) {
        auto child = net.box.spawn([&] {
            std::string first;
            for (int again = 0; again < 5; ++again) {
                Client client{UniqueFd(plain_socket(SOCK_DGRAM))};
                if (client.connect(kVip) != 0) return 1;
                if (first.empty()) first = net.host_of(client);
                if (net.host_of(client) != first) return 2;
            }
            return static_cast<int>(first[0]);
        });
        const int status = child.wait();
        REQUIRE(status != 1);
        REQUIRE(status != 2);
        seen.insert(std::string(1, static_cast<char>(status)));
    }
    CHECK(seen.size() == kHosts.size());
}

TEST_CASE("maglev by workload: all processes of one cgroup go to one backend", "[kernel][maglev]") {
    Net net("by-workload", lb::HashKey::workload);
    const std::string first = net.whom(0);
    for (uid_t uid = 1; uid < 10; ++uid) CHECK(net.whom(uid) == first);
}

TEST_CASE("maglev: who had a backend that drains or died gets another, hardly anyone else moves [E17][E32]",
          "[kernel][maglev]") {
    Net net("by-uid-drain", lb::HashKey::uid);
    std::map<uid_t, std::string> before;
    for (uid_t uid = 0; uid < 60; ++uid) before[uid] = net.whom(uid);
    const auto slots = net.table;
    lb::Plan plan;
    plan.drain = {net.life("b")};
    net.publish({"a", "c", "d"});
    net.plane->publish(plan);
    std::size_t disrupted = 0;
    for (std::size_t i = 0; i < slots.size(); ++i) disrupted += slots[i] != "b" && slots[i] != net.table[i];
    CHECK(disrupted < slots.size() / 10);
    for (const auto& [uid, host] : before) {
        const std::string now = net.whom(uid);
        CHECK(now != "b");
        const auto slot = spread(uid) % slots.size();
        if (slots[slot] == net.table[slot]) CHECK(now == host);
    }
    plan = {};
    plan.resume = {net.life("b")};
    net.plane->publish(plan);
    net.publish(kHosts);
    for (const auto& [uid, host] : before) CHECK(net.whom(uid) == host);
}

TEST_CASE("maglev: a socket that reseat moves goes where its user's next connect goes", "[kernel][maglev]") {
    Net net("moved-by-key", lb::HashKey::uid);
    int ready[2], go[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(go, O_CLOEXEC) == 0);
    std::vector<Process> children;
    unsigned on_b = 0;
    for (uid_t uid = 1000; uid < 1024; ++uid) {
        if (net.table[spread(uid) % net.table.size()] != "b") continue;
        ++on_b;
        children.push_back(net.box.spawn([&, uid] {
            if (::setresuid(uid, 0, 0) != 0) return 1;
            Client client{UniqueFd(plain_socket(SOCK_DGRAM))};
            if (client.connect(kVip) != 0 || net.host_of(client) != "b") return 2;
            char byte = '!';
            if (::write(ready[1], &byte, 1) != 1 || ::read(go[0], &byte, 1) != 1) return 3;
            Client fresh{UniqueFd(plain_socket(SOCK_DGRAM))};
            if (fresh.connect(kVip) != 0) return 4;
            return net.host_of(client) == net.host_of(fresh) && net.host_of(fresh) != "b" ? 0 : 5;
        }));
        char byte;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
    }
    REQUIRE(on_b >= 3);
    const auto dead = net.life("b");
    net.publish({"a", "c", "d"});
    lb::Plan plan;
    plan.condemn = {dead};
    net.plane->publish(plan);
    CHECK(net.plane->reseat(dead).repointed == on_b);
    const std::string all(on_b, '!');
    REQUIRE(::write(go[1], all.data(), all.size()) == static_cast<ssize_t>(all.size()));
    for (auto& child : children) CHECK(child.wait() == 0);
    for (const int end : {ready[0], ready[1], go[0], go[1]}) ::close(end);
}
