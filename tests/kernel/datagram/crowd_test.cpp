// SPDX-License-Identifier: Apache-2.0
// Several threads connect() one UDP socket at once: whichever comes true, its name, its record and its fate
// follow.
#include "tests/kernel/support/kinds.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

constexpr unsigned kThreads = 8;

std::vector<std::string> hosts() {
    std::vector<std::string> names;
    for (unsigned i = 0; i < kThreads; ++i) names.push_back("h" + std::to_string(i));
    return names;
}

std::vector<std::vector<std::string>> one_host_each() {
    std::vector<std::vector<std::string>> services;
    for (const auto& host : hosts()) services.push_back({host});
    return services;
}

/// So many threads that connect one socket at once, each to a service of its own, as often as they are told.
class Crowd {
public:
    Crowd(unsigned threads, Family family) : start_(threads + 1), done_(threads + 1) {
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([this, i, family] {
                SocketAddress to(vip_of(family, i + 1), family == Family::v4 ? AF_INET : AF_INET6);
                while (true) {
                    start_.arrive_and_wait();
                    if (fd_ < 0) return;
                    for (unsigned again = 0; again < times_; ++again) ::connect(fd_, to.get(), to.length);
                    done_.arrive_and_wait();
                }
            });
    }
    Crowd(const Crowd&) = delete;
    ~Crowd() {
        fd_ = -1;
        start_.arrive_and_wait();
        for (auto& thread : threads_) thread.join();
    }

    void connect(const Client& client, unsigned times) {
        fd_ = client.fd();
        times_ = times;
        start_.arrive_and_wait();
        done_.arrive_and_wait();
    }

private:
    int fd_ = -1;
    unsigned times_ = 0;
    std::barrier<> start_, done_;
    std::vector<std::thread> threads_;
};

/// The service of the host that the socket is really connected to.
std::optional<unsigned> actual_service(Balanced& net, const Kind& kind, const Client& client) {
    const auto peer = client.actual_peer();
    const auto all = hosts();
    for (unsigned i = 0; i < all.size(); ++i)
        if (peer == net.endpoint(kind, all[i])) return i + 1;
    return std::nullopt;
}

}  // namespace

TEST_CASE(
    "threads that connect one UDP socket at once: getpeername names the service of the actual peer [E84]",
    "[kernel][crowd]") {
    Balanced net("crowd", hosts(), one_host_each());
    const unsigned threads = GENERATE(2, 3, 5, 8);
    INFO(threads << " threads");
    for (const Kind& kind : {kKinds[3], kKinds[4]}) {
        INFO(kind);
        Crowd crowd(threads, kind.address);
        for (unsigned times : {1, 1, 4}) {
            Client client = net.client(kind);
            for (int round = 0; round < 150; ++round) {
                crowd.connect(client, times);
                const auto service = actual_service(net, kind, client);
                REQUIRE(service);
                CHECK(client.peer() == vip_of(kind.address, *service));
            }
            CHECK(client.echo("hello") == "h" + std::to_string(*actual_service(net, kind, client) - 1));
        }
        CHECK(net.plane.pump_until([&] { return net.open_in_all() == 0 && net.indexed_in_all() == 0; }));
    }
}

TEST_CASE("threads that connect one UDP socket at once: a failover finds the socket [E84]",
          "[kernel][crowd]") {
    Balanced net("crowd-fate", hosts(), one_host_each());
    const unsigned threads = GENERATE(3, 8);
    INFO(threads << " threads");
    const Kind& kind = kKinds[3];
    Crowd crowd(threads, kind.address);
    for (int round = 0; round < 40; ++round) {
        Client client = net.client(kind);
        crowd.connect(client, 2);
        const auto service = actual_service(net, kind, client);
        REQUIRE(service);
        const auto endpoint = net.endpoint(kind, hosts()[*service - 1]);
        const auto report = net.plane.condemn(endpoint);  // it has no other backend: terminated
        CHECK(report.terminated == 1);
        CHECK_FALSE(client.actual_peer());
        CHECK(client.recv_error() == ECONNABORTED);
        net.plane.bring_back(endpoint);
    }
}

TEST_CASE("a socket that threads connected at once is re-pointed as part of the service it got to [E84]",
          "[kernel][crowd]") {
    auto services = one_host_each();
    auto all = hosts();
    all.push_back("spare");
    for (auto& of : services) of.push_back("spare");
    Balanced net("crowd-move", all, services);
    const Kind& kind = kKinds[3];
    const auto offer = [&](const std::vector<std::string>& to) {
        lb::Plan plan;
        for (unsigned number = 1; number <= kThreads; ++number)
            plan.tables.push_back({net.plane.service_id(to_string(vip_of(Family::v4, number)) + "/udp"),
                                   Family::v4,
                                   {net.life(kind, to[number - 1], number)}});
        net.plane.publish(plan);
    };
    offer(hosts());
    Crowd crowd(kThreads, kind.address);
    Client client = net.client(kind);
    crowd.connect(client, 3);
    const auto service = actual_service(net, kind, client);
    REQUIRE(service);
    const auto port = client.local()->port;
    CHECK(net.plane.condemn(net.endpoint(kind, hosts()[*service - 1])).repointed == 1);
    CHECK(client.peer() == vip_of(kind.address, *service));
    CHECK(client.local()->port == port);
    CHECK(client.echo("hello") == "spare");
}

TEST_CASE("threads that take turns in connecting one UDP socket leave nothing behind [E84][E09]",
          "[kernel][crowd]") {
    Balanced net("turns", hosts(), one_host_each());
    const Kind& kind = kKinds[3];
    Client client = net.client(kind);
    for (int round = 0; round < 20; ++round) {
        const unsigned number = static_cast<unsigned>(round) % kThreads + 1;
        std::thread([&] { REQUIRE(client.connect(vip_of(kind.address, number)) == 0); }).join();
        CHECK(client.peer() == vip_of(kind.address, number));
        CHECK(net.indexed_in_all() <= 2);  // a connect may fail: the one before is kept
    }
    client.close();
    CHECK(net.plane.pump_until([&] { return net.open_in_all() == 0 && net.indexed_in_all() == 0; }));
}
