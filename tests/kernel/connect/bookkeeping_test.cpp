// SPDX-License-Identifier: Apache-2.0
// What the data path remembers of sockets, and that it forgets all of it.
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/skip.hpp"

#include <cerrno>
#include <fstream>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;

namespace {

/// One way in which a socket that is connected to "a" through the service comes to its end.
struct End {
    const char* name;
    void (*end)(Balanced&, const Kind&, Client&);
};

void lose_peer(Balanced& net, const Kind& kind, Client& client) {
    auto& a = net.box.host("a");
    a.stop();
    if (kind.protocol == Protocol::tcp) {  // its FIN comes first, a RST answers the next segment
        CHECK(wait_until([&] { return client.send("anybody?") == EPIPE; }));
    } else {
        CHECK(client.send("anybody?") == 0);
        CHECK(client.recv_error() == ECONNREFUSED);
    }
    client.close();
    a.restart();
}

void be_terminated(Balanced& net, const Kind& kind, Client& client) {
    CHECK(net.plane.condemn(net.endpoint(kind, "a")).terminated == 1);  // UDP too: nobody else is there
    CHECK(client.recv_error() == ECONNABORTED);
    client.close();
    net.plane.bring_back(net.endpoint(kind, "a"));
}

void connect_elsewhere(Balanced& net, const Kind& kind, Client& client) {
    REQUIRE(client.disconnect() == 0);
    REQUIRE(client.connect(net.endpoint(kind, "c")) == 0);
}

/// After a non-blocking connect that failed, Linux answers the next connect with ECONNABORTED.
int connect_blocking(const Client& client, const Kind& kind) {
    const SocketAddress to(vip_of(kind.address), kind.socket == Family::v4 ? AF_INET : AF_INET6);
    return ::connect(client.fd(), to.get(), to.length) == 0 ? 0 : errno;
}

const End kEnds[] = {
    {"close", [](Balanced&, const Kind&, Client& client) { client.close(); }},
    {"shutdown and close",
     [](Balanced&, const Kind&, Client& client) {
         CHECK(::shutdown(client.fd(), SHUT_RDWR) == 0);
         client.close();
     }},
    {"the peer's end and close", lose_peer},
    {"termination and close", be_terminated},
    {"unconnect and close",
     [](Balanced&, const Kind&, Client& client) {
         CHECK(client.disconnect() == 0);
         client.close();
     }},
    {"unconnect and connect past us", connect_elsewhere},
};

}  // namespace

TEST_CASE("however a socket ends, nothing is remembered of it [E09]", "[kernel][bookkeeping]") {
    for (const End& end : kEnds) {
        Balanced net("ends", {"a", "c"}, {{"a"}});
        auto& kernel = net.plane.kernel();
        for (const Kind& kind : kKinds) {
            INFO(end.name << ", " << kind);
            Client client = net.landed(kind, "a");
            const auto life = net.life(kind, "a");
            CHECK(kernel.open_sockets(life) == 1);
            CHECK(kernel.indexed_sockets(life) == 1);
            end.end(net, kind, client);
            CHECK(kernel.open_sockets(life) == 0);
            CHECK(kernel.indexed_sockets(life) == 0);
        }
        CHECK(net.open_in_all() == 0);
        CHECK(net.indexed_in_all() == 0);
    }
}

TEST_CASE("a process that is killed leaves nothing remembered of its sockets [E09]",
          "[kernel][bookkeeping]") {
    Balanced net("killed", {"a"});
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    auto process = net.box.spawn([&] {
        std::vector<Client> clients;
        for (const Kind& kind : kKinds) {
            const int domain = kind.socket == Family::v4 ? AF_INET : AF_INET6;
            const int type = kind.protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
            Client& client = clients.emplace_back(UniqueFd(::socket(domain, type, 0)));
            if (client.connect(vip_of(kind.address)) != 0 || !client.echoes("hello")) return 1;
        }
        if (::write(ready[1], "!", 1) != 1) return 2;
        return ::pause();
    });
    ::close(ready[1]);
    char byte;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    CHECK(net.open_in_all() == kKinds.size());
    CHECK(net.indexed_in_all() == kKinds.size());
    process.kill();
    CHECK(wait_until([&] { return net.open_in_all() == 0; }));
    CHECK(wait_until([&] { return net.indexed_in_all() == 0; }));
}

TEST_CASE("a connect that is given up half-way is forgotten [E09]", "[kernel][bookkeeping]") {
    Balanced net("half-way", {"a"});
    net.box.host("a").vanish();
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client client = net.client(kind);
        REQUIRE(client.connect_nonblocking(vip_of(kind.address)) == EINPROGRESS);
        CHECK(net.open(kind, "a") == 1);
        CHECK(net.indexed(kind, "a") == 1);
        client.close();
        CHECK(net.open_in_all() == 0);
        CHECK(net.indexed_in_all() == 0);
    }
}

TEST_CASE("a refused TCP connect that is tried again on the same socket is counted once [E09]",
          "[kernel][bookkeeping]") {
    Balanced net("retry");
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        net.box.host("a").stop();
        Client client = net.client(kind);
        while (connect_blocking(client, kind) == 0) client = net.client(kind);
        CHECK(net.open(kind, "a") == 0);
        REQUIRE(connect_blocking(client, kind) == 0);
        CHECK(client.echo("hello") == "b");
        CHECK(net.open(kind, "a") == 0);
        CHECK(net.indexed(kind, "a") == 0);
        CHECK(net.open(kind, "b") == 1);
        client.close();
        CHECK(net.open_in_all() == 0);
        CHECK(net.indexed_in_all() == 0);
        net.box.host("a").restart();
    }
}

TEST_CASE("a UDP socket that connects again and again is counted where it is, once [E09]",
          "[kernel][bookkeeping]") {
    Balanced net("again");
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        for (int i = 0; i < 20; ++i) {
            REQUIRE(client.connect(vip_of(kind.address)) == 0);
            CHECK(net.open(kind, client.echo("hello")) == 1);
            CHECK(net.open_in_all() == 1);
            CHECK(net.indexed_in_all() <= 2);  // the record before is kept as long as a connect may fail
        }
        client.close();
        CHECK(net.open_in_all() == 0);
        CHECK(net.indexed_in_all() == 0);
    }
}

TEST_CASE("a shared socket is remembered until its last descriptor is closed [E09]",
          "[kernel][bookkeeping]") {
    Balanced net("dup", {"a"});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.landed(kind, "a");
        Client twin{UniqueFd(::dup(client.fd()))};
        client.close();
        CHECK(net.open(kind, "a") == 1);
        CHECK(net.indexed(kind, "a") == 1);
        CHECK(twin.echo("still") == "a");
        twin.close();
        CHECK(net.open_in_all() == 0);
        CHECK(net.indexed_in_all() == 0);
    }
}

TEST_CASE("connects are counted per life, datagrams per choice", "[kernel][bookkeeping]") {
    Balanced net("totals", {"a"});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        const auto life = net.life(kind, "a");
        const auto before = net.plane.kernel().connects_total(life);
        for (int i = 0; i < 3; ++i) (void)net.landed(kind, "a");
        CHECK(net.plane.kernel().connects_total(life) == before + 3);
        if (kind.protocol != Protocol::udp) continue;
        Client sender = net.client(kind);
        for (int i = 0; i < 3; ++i) CHECK(sender.send_to(vip_of(kind.address), "hello") == 0);
        CHECK(net.plane.kernel().connects_total(life) == before + 4);
        CHECK(net.open(kind, "a") == 0);
    }
}

TEST_CASE("a full index costs no connect: the socket is counted, not indexed, and ended all the same [E08]",
          "[kernel][bookkeeping]") {
    Sandbox box("full", {"a"});
    const Where vip = "10.96.0.1:80";
    const auto a = box.host("a").endpoint();
    TestPlane plane(box, {service(vip, {a})}, {.index_chunk = 4, .index_chunks = 1, .most_index_chunks = 1});
    std::vector<Client> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(box.client());
        REQUIRE(clients.back().connect(vip) == 0);
        CHECK(clients.back().peer() == vip);
    }
    const auto life = plane.life(to_string(vip) + "/tcp", a);
    CHECK(plane.kernel().open_sockets(life) == 10);
    CHECK(plane.kernel().indexed_sockets(life) <= 4);
    CHECK(plane.condemn(a).terminated == 10);
    for (Client& client : clients) CHECK(client.recv_error() == ECONNABORTED);
    clients.clear();
    CHECK(plane.kernel().open_sockets(life) == 0);
    CHECK(plane.kernel().indexed_sockets(life) == 0);
}

TEST_CASE(
    "no memory for a socket's record: its connect goes on, balanced and counted, its end is not ours [E70]",
    "[kernel][bookkeeping]") {
    Balanced net("no-record", {"a"});
    std::ofstream limit("/proc/sys/net/core/optmem_max");
    if (!limit) return skip("net.core.optmem_max is of all network namespaces here (before Linux 6.10)");
    limit << 64 << std::flush;  // of this network namespace
    std::uint64_t unowned = 0;
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client client = net.client(kind);
        REQUIRE(client.connect(vip_of(kind.address)) == 0);
        CHECK(client.echo("hello") == "a");
        CHECK(net.stat("unowned") == ++unowned);
        CHECK(net.open(kind, "a") == 0);
        CHECK(net.plane.condemn(net.endpoint(kind, "a")).matched == 0);
        CHECK(client.echo("still here") == "a");
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}
