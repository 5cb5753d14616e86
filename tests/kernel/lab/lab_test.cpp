// SPDX-License-Identifier: Apache-2.0
// The laboratory itself, without any BPF: if these fail, no other kernel test means anything.
#include "tests/support/catch.hpp"
#include "tests/support/sandbox.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// The end of a test's process by a crash: nothing of it runs any more, no destructor.
void crash() {
    ::kill(::getpid(), SIGKILL);
}

bool in_cgroup(pid_t pid, const std::string& path) {
    std::ifstream members(path + "/cgroup.procs");
    for (pid_t member; members >> member;)
        if (member == pid) return true;
    return false;
}

}  // namespace

TEST_CASE("clients of either protocol and family reach every machine", "[kernel][lab]") {
    Sandbox box("reach");
    for (const std::string name : {"a", "b", "c"}) {
        for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
            for (const auto family : {Family::v4, Family::v6}) {
                auto client = box.client(protocol, family);
                const auto target = box.host(name).endpoint(family);
                REQUIRE(client.connect(target) == 0);
                CHECK(client.echo("hello") == name);
                CHECK(client.peer() == target);
                CHECK(client.actual_peer() == target);
                CHECK(client.local()->address == box.lab().client_address(family));
            }
        }
    }
}

TEST_CASE("a dual-stack socket reaches IPv4 by mapped addresses", "[kernel][lab]") {
    Sandbox box("mapped");
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        auto client = box.client(protocol, Family::v6);
        REQUIRE(client.connect(box.host("b").endpoint()) == 0);
        CHECK(client.echo("hello") == "b");
        CHECK(client.actual_peer() == box.host("b").endpoint());
        CHECK(inspect_socket(client.fd())->family == Family::v6);
        CHECK(inspect_socket(client.fd())->cookie == client.cookie());
    }
}

TEST_CASE("clients of a vanished machine just hang, and go on when it reappears", "[kernel][lab]") {
    Sandbox box("vanish");
    const auto family = GENERATE(Family::v4, Family::v6);
    auto& a = box.host("a");
    auto tcp = box.client(Protocol::tcp, family);
    auto udp = box.client(Protocol::udp, family);
    auto bystander = box.client(Protocol::tcp, family);
    REQUIRE(tcp.connect(a.endpoint(family)) == 0);
    REQUIRE(udp.connect(a.endpoint(family)) == 0);
    REQUIRE(bystander.connect(box.host("b").endpoint(family)) == 0);
    REQUIRE(tcp.echoes("before"));
    REQUIRE(udp.echoes("before"));

    a.vanish();
    for (int i = 0; i < 10; ++i) {
        CHECK(udp.send("into the void") == 0);
        CHECK(udp.is_silent(50ms));
    }
    CHECK(tcp.send("into the void") == 0);
    CHECK(tcp.is_silent(1s));
    CHECK(udp.recv_error(1ms) == EAGAIN);
    CHECK(tcp.pending_error() == 0);
    CHECK(box.client(Protocol::tcp, family).connect(a.endpoint(family), 300ms) == ETIMEDOUT);
    CHECK(bystander.echo("still here") == "b");
    CHECK(a.server().datagrams() == 1);

    a.reappear();
    CHECK(wait_until([&] { return udp.echo("after", 200ms) == "a"; }, 5s));  // UDP: one may be lost
    CHECK(tcp.recv(5s).text == "a:into the void");
    CHECK(tcp.echo("after") == "a");
    CHECK(box.client(Protocol::tcp, family).connect(a.endpoint(family)) == 0);
}

TEST_CASE("when the last machine vanishes, nobody is told either", "[kernel][lab]") {
    Sandbox box("vanish-all", {"a", "b"});
    auto udp = box.client(Protocol::udp);
    REQUIRE(udp.connect(box.host("b").endpoint()) == 0);
    for (const std::string name : {"a", "b"}) box.host(name).vanish();
    for (int i = 0; i < 10; ++i) CHECK(udp.send("into the void") == 0);
    CHECK(udp.is_silent(300ms));
    for (const std::string name : {"a", "b"}) box.host(name).reappear();
    CHECK(udp.echo("after") == "b");
}

TEST_CASE("an echo server counts what it gets", "[kernel][lab]") {
    Sandbox box("count", {"a"});
    auto& server = box.host("a").server();
    auto udp = box.client(Protocol::udp);
    auto tcp4 = box.client();
    auto tcp6 = box.client(Protocol::tcp, Family::v6);
    REQUIRE(udp.connect(box.host("a").endpoint()) == 0);
    REQUIRE(tcp4.connect(box.host("a").endpoint(Family::v4)) == 0);
    REQUIRE(tcp6.connect(box.host("a").endpoint(Family::v6)) == 0);
    for (int i = 0; i < 5; ++i) CHECK(udp.echoes("12345"));
    CHECK(tcp4.echoes("12345"));
    CHECK(tcp6.echoes("12345"));
    CHECK(server.datagrams() == 5);
    CHECK(server.bytes() == 7 * 5);
    CHECK(server.connections_accepted() == 2);
    tcp4.close();
    CHECK(wait_until([&] { return server.connections_open() == 1; }));
}

TEST_CASE("an answer that its client does not read yet is not lost", "[kernel][lab]") {
    Sandbox box("backpressure", {"a"});
    auto client = box.client();
    REQUIRE(client.connect(box.host("a").endpoint()) == 0);
    const std::string piece(60000, 'x');
    std::size_t received = 0;
    for (int i = 0; i < 1000 && client.send(piece) == 0;) ++i;  // until buffers are full
    while (true) {
        const auto text = client.recv(200ms).text;
        if (text.empty()) break;
        received += text.size();
    }
    CHECK(received > box.host("a").server().bytes());
    CHECK(client.echo("after") == "a");
}

TEST_CASE("a stopped server ends its connections and refuses, and can be restarted", "[kernel][lab]") {
    Sandbox box("stop", {"a"});
    auto& a = box.host("a");
    const auto endpoint = a.endpoint();
    auto tcp = box.client();
    auto udp = box.client(Protocol::udp);
    REQUIRE(tcp.connect(endpoint) == 0);
    REQUIRE(udp.connect(endpoint) == 0);
    REQUIRE(tcp.echoes("before"));

    a.stop();
    const auto end = tcp.recv();
    CHECK(end.error == 0);
    CHECK(end.text.empty());
    CHECK(box.client().connect(endpoint) == ECONNREFUSED);
    CHECK(udp.send("anybody?") == 0);
    CHECK(udp.recv_error() == ECONNREFUSED);

    a.restart();
    CHECK(a.endpoint() == endpoint);
    CHECK(udp.echoes("after"));
    auto again = box.client();
    CHECK(again.connect(endpoint) == 0);
    CHECK(again.echoes("after"));
}

TEST_CASE("a server that stops listening keeps its connections", "[kernel][lab]") {
    Sandbox box("stop-listening", {"a"});
    auto& a = box.host("a");
    auto tcp = box.client();
    auto udp = box.client(Protocol::udp);
    REQUIRE(tcp.connect(a.endpoint()) == 0);
    REQUIRE(tcp.echoes("before"));
    REQUIRE(udp.connect(a.endpoint()) == 0);
    a.stop_listening();
    CHECK(tcp.echoes("after"));
    CHECK(udp.echoes("after"));
    for (const auto family : {Family::v4, Family::v6})
        CHECK(box.client(Protocol::tcp, family).connect(a.endpoint(family)) == ECONNREFUSED);
}

TEST_CASE("the socket list shows what is there", "[kernel][lab]") {
    Sandbox box("list", {"a"});
    CHECK(list_sockets().empty());
    auto tcp = box.client();
    auto udp = box.client(Protocol::udp, Family::v6);
    REQUIRE(tcp.connect(box.host("a").endpoint()) == 0);
    REQUIRE(udp.connect(box.host("a").endpoint(Family::v6)) == 0);
    const auto tcp4 = list_sockets(Protocol::tcp, Family::v4);
    const auto udp6 = list_sockets(Protocol::udp, Family::v6);
    REQUIRE(tcp4.size() == 1);
    CHECK(tcp4[0].state == TCP_ESTABLISHED);
    CHECK(tcp4[0].peer == box.host("a").endpoint());
    CHECK(tcp4[0].local == tcp.local());
    REQUIRE(udp6.size() == 1);
    CHECK(udp6[0].cookie == udp.cookie());
    REQUIRE(udp.disconnect() == 0);
    CHECK_FALSE(udp.actual_peer());
}

TEST_CASE("workload processes run in the cgroup and the client's namespace", "[kernel][lab]") {
    Sandbox box("spawn", {"a"});
    const auto endpoint = box.host("a").endpoint();
    auto process = box.spawn([&] {
        Client client(UniqueFd(::socket(AF_INET, SOCK_STREAM, 0)));
        if (!in_cgroup(::getpid(), box.cgroup().path())) return 1;
        return client.connect(endpoint) == 0 && client.echoes("hello") ? 42 : 2;
    });
    CHECK(process.wait() == 42);
    CHECK_FALSE(in_cgroup(::getpid(), box.cgroup().path()));
    auto forever = box.spawn([] { return ::pause(); });
    REQUIRE(wait_until([&] { return in_cgroup(forever.pid(), box.cgroup().path()); }));
    forever.kill();
    CHECK_FALSE(in_cgroup(forever.pid(), box.cgroup().path()));
}

TEST_CASE("the socket maker hands over socket()'s error", "[kernel][lab]") {
    Sandbox box("maker", {});
    const auto made = box.maker().make(AF_INET, SOCK_STREAM, IPPROTO_ICMP);
    CHECK_FALSE(made.fd);
    CHECK(made.error == EPROTONOSUPPORT);
}

TEST_CASE("nothing is left behind, neither at the end nor after a crash", "[kernel][lab]") {
    std::string path;
    {
        Sandbox box("leftover", {"a"});
        path = box.cgroup().path();
        auto process = box.spawn([] { return ::pause(); });
        CHECK(std::filesystem::exists(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));

    const pid_t crashed = ::fork();
    if (crashed == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        Sandbox box("crash", {"a"});
        crash();
    }
    REQUIRE(::waitpid(crashed, nullptr, 0) == crashed);
    path = cgroup2_mount() + "/reseat-test-crash-" + std::to_string(crashed);
    CHECK(wait_until([&] { return !std::filesystem::exists(path); }, 5s));

    path = cgroup2_mount() + "/reseat-test-stale-" + std::to_string(crashed);
    std::filesystem::create_directory(path);
    static_cast<void>(TestCgroup("next"));
    CHECK_FALSE(std::filesystem::exists(path));
}
