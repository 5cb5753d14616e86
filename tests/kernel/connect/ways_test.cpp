// SPDX-License-Identifier: Apache-2.0
// The many ways in which programs connect: each is translated and owned like a plain connect().
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/io_uring.hpp"
#include "tests/support/skip.hpp"

#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;

namespace {

SocketAddress address_for(const Kind& kind) {
    return SocketAddress(vip_of(kind.address), kind.socket == Family::v4 ? AF_INET : AF_INET6);
}

/// Talks to "a" through the service, is counted and indexed, and ends or moves when that backend goes.
void check_owned(Balanced& net, const Kind& kind, Client& client) {
    CHECK(client.echo("hello") == "a");
    CHECK(client.peer() == vip_of(kind.address));
    CHECK(net.open(kind, "a") == 1);
    CHECK(net.indexed(kind, "a") == 1);
    const auto report = net.plane.condemn(net.endpoint(kind, "a"));
    CHECK(report.terminated == 1);
    CHECK(client.recv_error() == ECONNABORTED);
    client.close();
    net.plane.bring_back(net.endpoint(kind, "a"));
}

/// In a child that shares memory and has stopped its parent until it ends.
int connect_in_vfork_child(int fd, const SocketAddress& to) {
    volatile int error = -1;
    const pid_t child = ::vfork();  // NOLINT: what is tested
    if (child == 0) {
        error = ::connect(fd, to.get(), to.length) == 0 ? 0 : errno;
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    return error;
}

int connect_in_fork_child(int fd, const SocketAddress& to) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::connect(fd, to.get(), to.length) == 0 ? 0 : errno);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

/// None, and the test is skipped, where this machine forbids io_uring.
std::optional<std::reference_wrapper<IoUring>> io_uring() {
    static std::optional<IoUring> ring;
    try {
        if (!ring) ring.emplace();
        return *ring;
    } catch (const std::system_error& error) {
        skip(error.what());
        return std::nullopt;
    }
}

}  // namespace

TEST_CASE("a non-blocking connect is balanced and owned [E36]", "[kernel][ways]") {
    Balanced net("nonblocking", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client client = net.client(kind);
        const int error = client.connect_nonblocking(vip_of(kind.address));
        CHECK((error == EINPROGRESS || error == 0));
        REQUIRE(client.finish_connect() == 0);
        check_owned(net, kind, client);
    }
}

TEST_CASE("TCP Fast Open with MSG_FASTOPEN is balanced and owned [E36]", "[kernel][ways]") {
    Balanced net("fastopen", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client client = net.client(kind);
        const auto to = address_for(kind);
        REQUIRE(::sendto(client.fd(), "first", 5, MSG_FASTOPEN, to.get(), to.length) == 5);
        CHECK(client.recv().text == "a:first");
        check_owned(net, kind, client);
    }
}

TEST_CASE("TCP Fast Open that connects at the first write is owned from then on [E36]", "[kernel][ways]") {
    Balanced net("fastopen-connect", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client client = net.client(kind);
        const int on = 1;
        REQUIRE(::setsockopt(client.fd(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) == 0);
        REQUIRE(::setsockopt(client.fd(), IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof on) == 0);
        REQUIRE(client.connect(vip_of(kind.address)) == 0);
        CHECK(net.box.host("a").server().connections_open() == 0);
        CHECK(net.open(kind, "a") == 1);
        CHECK(net.indexed(kind, "a") == 0);  // nothing to end yet: no SYN has left
        check_owned(net, kind, client);
        CHECK(wait_until([&] { return net.box.host("a").server().connections_open() == 0; }));
    }
}

TEST_CASE("a Fast Open socket whose backend goes before its first write is told at that write [E36]",
          "[kernel][ways]") {
    Balanced net("fastopen-raced", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        Client client = net.client(kind);
        const int on = 1;
        REQUIRE(::setsockopt(client.fd(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) == 0);
        REQUIRE(::setsockopt(client.fd(), IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof on) == 0);
        REQUIRE(client.connect(vip_of(kind.address)) == 0);
        const auto life = net.life(kind, "a");
        net.plane.condemn(net.endpoint(kind, "a"));
        const auto known = net.plane.raced().size();
        CHECK(client.send("first") == 0);
        REQUIRE(net.plane.pump_until([&] { return net.plane.raced().size() > known; }));
        CHECK(net.plane.raced().back() == life);
        CHECK(net.plane.reseat(life).terminated == 1);
        net.plane.bring_back(net.endpoint(kind, "a"));
    }
}

TEST_CASE("a connect by io_uring is balanced and owned, also from its worker thread [E36]",
          "[kernel][ways]") {
    const auto ring = io_uring();
    if (!ring) return;
    Balanced net("io-uring", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        for (const unsigned char flags : {0U, 1U << IOSQE_ASYNC_BIT}) {
            INFO(kind << ", flags " << unsigned{flags});
            Client client = net.client(kind);
            REQUIRE(ring->get().connect(client.fd(), address_for(kind), flags) == 0);
            check_owned(net, kind, client);
        }
    }
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Client client = net.client(kind);
        REQUIRE(ring->get().connect(client.fd(), address_for(kind)) == 0);
        CHECK(client.echo("hello") == "a");
        CHECK(client.peer() == vip_of(kind.address));
        CHECK(net.indexed(kind, "a") == 1);
    }
    net.plane.condemn(net.box.host("a"));
    Client refused = net.client(kKinds[0]);
    CHECK(ring->get().connect(refused.fd(), address_for(kKinds[0])) == ECONNREFUSED);
}

TEST_CASE("a connect in a thread, a child or a vfork child is balanced and owned [E36]", "[kernel][ways]") {
    Balanced net("others", {"a"});
    for (const Kind& kind : kinds_of(Protocol::tcp)) {
        INFO(kind);
        const auto to = address_for(kind);
        Client by_thread = net.client(kind);
        std::thread([&] { by_thread.connect(vip_of(kind.address)); }).join();
        check_owned(net, kind, by_thread);
        Client by_child = net.client(kind);
        CHECK(connect_in_fork_child(by_child.fd(), to) == 0);
        check_owned(net, kind, by_child);
        Client by_vfork = net.client(kind);
        CHECK(connect_in_vfork_child(by_vfork.fd(), to) == 0);
        check_owned(net, kind, by_vfork);
    }
}

TEST_CASE("a UDP socket connected by a child that has ended is re-pointed in its parent [E36]",
          "[kernel][ways]") {
    Balanced net("child-udp");
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        int to_test[2], to_child[2];
        REQUIRE(::pipe(to_test) == 0);
        REQUIRE(::pipe(to_child) == 0);
        auto process = net.box.spawn([&] {
            Client client(UniqueFd(::socket(kind.socket == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0)));
            if (connect_in_fork_child(client.fd(), address_for(kind)) != 0) return 1;
            const std::string before = client.echo("hello");
            char go;
            if (::write(to_test[1], before.data(), 1) != 1 || ::read(to_child[0], &go, 1) != 1) return 2;
            const std::string after = client.echo("moved");
            return after != before && !after.empty() && client.peer() == vip_of(kind.address) ? 42 : 3;
        });
        char host = 0;
        REQUIRE(::read(to_test[0], &host, 1) == 1);
        CHECK(net.plane.condemn(net.endpoint(kind, {host})).repointed == 1);
        REQUIRE(::write(to_child[1], "!", 1) == 1);
        CHECK(process.wait() == 42);
        for (const int fd : {to_test[0], to_test[1], to_child[0], to_child[1]}) ::close(fd);
        net.plane.bring_back(net.endpoint(kind, {host}));
    }
}
