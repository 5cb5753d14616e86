// SPDX-License-Identifier: Apache-2.0
// Which sockets count as open: those that are connected, whoever still has a descriptor of the others.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

void drain(TestPlane& plane, lb::LifeId life) {
    lb::Plan plan;
    plan.drain = {life};
    plane.publish(plan);
}

bool is_idle_soon(TestPlane& plane, lb::LifeId life) {
    return plane.pump_until([&] { return plane.kernel().is_idle(life); }, 20s);
}

}  // namespace

TEST_CASE("a socket that was terminated is not open, whoever still has its descriptor [E78]",
          "[kernel][bookkeeping]") {
    Balanced net("terminated", {"a", "c"}, {{"a"}});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.landed(kind, "a");
        const auto life = net.life(kind, "a");
        REQUIRE(net.plane.kernel().open_sockets(life) == 1);
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).terminated == 1);
        CHECK(net.plane.kernel().open_sockets(life) == 0);
        CHECK(net.plane.kernel().is_idle(life));
        CHECK(client.recv_error() == ECONNABORTED);
        client.close();
        CHECK(net.plane.kernel().open_sockets(life) == 0);
        CHECK(net.plane.kernel().is_idle(life));
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("a TCP connection that is over is not open, whether its application looks or not [E78]",
          "[kernel][bookkeeping]") {
    Balanced net("over", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        auto& a = net.box.host("a");
        Client shut = net.landed(kind, "a"), reset = net.landed(kind, "a");
        const auto life = net.life(kind, "a");
        REQUIRE(net.plane.kernel().open_sockets(life) == 2);
        REQUIRE(::shutdown(shut.fd(), SHUT_RDWR) == 0);
        CHECK(wait_until([&] { return net.plane.kernel().open_sockets(life) == 1; }));
        a.stop();  // its FIN comes first, a RST answers the next segment
        CHECK(wait_until([&] { return reset.send("anybody?") != 0; }));
        CHECK(net.plane.kernel().open_sockets(life) == 0);
        CHECK(net.plane.kernel().is_idle(life));
        shut.close();
        reset.close();
        CHECK(net.plane.kernel().open_sockets(life) == 0);
        a.restart();
    }
}

TEST_CASE("a UDP socket that was unconnected is not open once its backend drains [E78]",
          "[kernel][bookkeeping]") {
    Balanced net("unconnected", {"a", "b"});
    std::vector<Client> clients;
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        clients.push_back(net.landed(kind, "a"));
        Client known = net.landed(kind, "a"), kept = net.landed(kind, "a");
        REQUIRE(net.plane.pump_until([&] { return net.plane.kernel().unresolved_sockets() == 0; }));
        REQUIRE(clients.back().disconnect() == 0);  // before and after it was seen connected
        Client fresh = net.landed(kind, "a");
        REQUIRE(fresh.disconnect() == 0);
        clients.push_back(std::move(fresh));
        clients.push_back(std::move(known));
        clients.push_back(std::move(kept));
    }
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        drain(net.plane, net.life(kind, "a"));
    }
    const auto connected = [&](const Kind& kind) {
        return kind.address == Family::v4 ? 4u : 2u;  // v4 and v4-mapped are of one life
    };
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        const auto life = net.life(kind, "a");
        CHECK(net.plane.pump_until([&] { return net.plane.kernel().open_sockets(life) == connected(kind); },
                                   20s));
    }
    // All are used again, or closed: nothing is counted twice.
    for (std::size_t i = 0; i < clients.size(); i += 2) clients[i].close();
    clients.clear();
    CHECK(net.open_in_all() == 0);
    CHECK(net.indexed_in_all() == 0);
}

TEST_CASE("a UDP socket that left for another service does not hold the life that it left [E78]",
          "[kernel][bookkeeping]") {
    Balanced net("left", {"a", "b"}, {{"a"}, {"b"}});
    const Kind kind = kinds_of(Protocol::udp).front();
    Client client = net.landed(kind, "a");
    const auto life = net.life(kind, "a"), other = net.life(kind, "b", 2);
    REQUIRE(client.connect(vip_of(kind.address, 2)) == 0);
    REQUIRE(client.echo("hello") == "b");
    CHECK(net.plane.kernel().open_sockets(life) == 0);
    CHECK_FALSE(net.plane.kernel().is_idle(life));  // as long as that connect may have failed
    drain(net.plane, life);
    CHECK(is_idle_soon(net.plane, life));
    CHECK(net.plane.kernel().open_sockets(other) == 1);
    CHECK(client.echo("hello") == "b");
    client.close();
    CHECK(net.open_in_all() == 0);
    CHECK(net.indexed_in_all() == 0);
}

TEST_CASE("sockets that are closed while they are terminated are uncounted once [E09][E78]",
          "[kernel][bookkeeping]") {
    constexpr unsigned kSockets = 100, kRounds = 20;
    const auto protocol = GENERATE(Protocol::tcp, Protocol::udp);
    Balanced net("closing", {"a", "c"}, {{"a"}});
    const Kind kind = kinds_of(protocol).front();
    std::uint64_t ended = 0;
    for (unsigned round = 0; round < kRounds; ++round) {
        int ready[2], go[2];
        REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
        REQUIRE(::pipe2(go, O_CLOEXEC) == 0);
        auto process = net.box.spawn([&] {
            std::vector<Client> clients;
            for (unsigned i = 0; i < kSockets; ++i) {
                clients.emplace_back(
                    UniqueFd(::socket(AF_INET, protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM, 0)));
                if (clients.back().connect(vip_of(kind.address)) != 0) return 1;
            }
            char byte;
            if (::write(ready[1], "r", 1) != 1 || ::read(go[0], &byte, 1) != 1) return 2;
            for (Client& client : clients) {
                client.close();
                // From far ahead of who terminates them to about as fast.
                for (unsigned pause = 0; pause < round % 4 * 50; ++pause) ::sched_yield();
            }
            return 0;
        });
        ::close(ready[1]);
        char byte;
        REQUIRE(::read(ready[0], &byte, 1) == 1);
        const auto life = net.life(kind, "a");
        CHECK(net.plane.kernel().open_sockets(life) == kSockets);
        REQUIRE_FALSE(net.plane.take_out(net.endpoint(kind, "a")).empty());
        REQUIRE(::write(go[1], "g", 1) == 1);
        ended += net.plane.reseat(life).terminated;
        CHECK(process.wait() == 0);
        CHECK(net.plane.kernel().open_sockets(life) == 0);
        CHECK(net.plane.kernel().is_idle(life));
        net.plane.bring_back(net.endpoint(kind, "a"));
        for (const int end : {ready[0], go[0], go[1]}) ::close(end);
    }
    CHECK(ended > 0);  // else there was no race, either way
    CHECK(ended < kRounds * kSockets);
}

TEST_CASE("sockets that connect elsewhere while they are terminated are uncounted once [E64][E78]",
          "[kernel][bookkeeping]") {
    Balanced net("leaving", {"a", "b"}, {{"a"}, {"b"}});
    const Kind kind = kinds_of(Protocol::udp).front();
    for (int round = 0; round < 100; ++round) {
        Client client = net.client(kind);
        REQUIRE(client.connect(vip_of(kind.address)) == 0);
        const auto life = net.life(kind, "a"), other = net.life(kind, "b", 2);
        std::thread leaver([&] { (void)client.connect(vip_of(kind.address, 2)); });
        net.plane.condemn(net.endpoint(kind, "a"));
        leaver.join();
        CHECK(net.plane.kernel().open_sockets(life) <= 1);
        client.close();
        CHECK(net.plane.kernel().open_sockets(life) == 0);
        CHECK(net.plane.kernel().open_sockets(other) == 0);
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
    CHECK(net.indexed_in_all() == 0);
}
