// SPDX-License-Identifier: Apache-2.0
// What becomes of sockets that are open when a policy appears, and of those that are older than reseat.
#include "bpf/sockets/sock_diag.hpp"
#include "tests/kernel/support/policies.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// enforce_policies(), by the policies' names.
std::map<std::string, lb::TerminationReport> enforce(TestPlane& plane) {
    std::map<std::string, lb::TerminationReport> reports;
    for (auto& [name, report] : plane.run(plane.kernel().enforce_policies())) reports[name] = report;
    return reports;
}

lb::TerminationReport end_untracked(TestPlane& plane, Protocol protocol, std::vector<Endpoint> to) {
    return plane.run(plane.kernel().end_untracked({protocol, std::move(to), std::nullopt}));
}

Client connected(Sandbox& box, const Kind& kind, const Where& to) {
    Client client = box.client(kind.protocol, kind.socket);
    REQUIRE(client.connect(to) == 0);
    return client;
}

/// Connects in a network namespace of its own; 42: told to leave by ECONNABORTED.
int connect_in_own_namespace(const Where& to, int tells) {
    if (::unshare(CLONE_NEWNET) != 0) return 1;
    Client client(UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    if (::ioctl(client.fd(), SIOCSIFFLAGS, &loopback) != 0) return 2;
    const int error = client.connect(to);
    if (::write(tells, error ? "n" : "y", 1) != 1 || error) return 3;
    return client.recv_error(20s) == ECONNABORTED ? 42 : 4;
}

std::vector<lb::Destination> both_vips() {
    return {{only(vip_of(Family::v4)), {}, {}, {}}, {only(vip_of(Family::v6)), {}, {}, {}}};
}

}  // namespace

TEST_CASE("when a policy appears, sockets that it denies end, balanced or not; others live [E10][E21]",
          "[kernel][forbidden]") {
    Balanced net("forbid");
    for (const Kind& kind : kKinds) {
        INFO(kind);
        set_policies(net.plane, {});
        Client direct = connected(net.box, kind, net.endpoint(kind, "a"));
        Client allowed = connected(net.box, kind, net.endpoint(kind, "b"));
        Client balanced = net.landed(kind, "b");
        for (Client* client : {&direct, &allowed}) REQUIRE(client->echoes("before"));

        set_policies(net.plane, {deny(all_of(net.box.host("a")), "direct")});
        auto report = enforce(net.plane)["direct"];
        CHECK(report.matched == 1);
        CHECK(report.terminated == 1);
        CHECK(report.failed == 0);
        CHECK(direct.recv_error() == ECONNABORTED);
        CHECK(allowed.echo("after") == "b");
        CHECK(balanced.echo("after") == "b");

        set_policies(net.plane, {deny(both_vips(), "service")});
        report = enforce(net.plane)["service"];
        CHECK(report.terminated == 1);
        CHECK(balanced.recv_error() == ECONNABORTED);
        CHECK(allowed.echo("after") == "b");
        CHECK(enforce(net.plane)["service"].matched == 0);
    }
}

TEST_CASE("a balanced socket is judged by the service that it dialled, not by its backend",
          "[kernel][forbidden]") {
    Balanced net("forbid-backend");
    for (const Kind& kind : kKinds) {
        INFO(kind);
        set_policies(net.plane, {});
        Client balanced = net.landed(kind, "a");
        set_policies(net.plane, {deny(all_of(net.box.host("a")))});
        CHECK(enforce(net.plane)["no"].matched == 0);
        CHECK(balanced.echo("after") == "a");
    }
}

TEST_CASE("existing: keep spares what is open, and each policy ends its own", "[kernel][forbidden]") {
    Balanced net("forbid-keep", {"a", "b", "c"});
    const Kind& kind = kKinds[0];
    Client a = connected(net.box, kind, net.endpoint(kind, "a"));
    Client b = connected(net.box, kind, net.endpoint(kind, "b"));
    Client c = connected(net.box, kind, net.endpoint(kind, "c"));
    auto spare = deny(all_of(net.box.host("a")), "spare");
    spare.existing = lb::ExistingSockets::keep;
    set_policies(net.plane,
                 {spare, deny(all_of(net.box.host("a")), "second"), deny(all_of(net.box.host("b")), "b"),
                  allow(all_of(net.box.host("c"))), deny(all_of(net.box.host("c")), "c")});
    const auto reports = net.plane.run(net.plane.kernel().enforce_policies());
    REQUIRE(reports.size() == 3);
    CHECK(reports[0].first == "second");
    CHECK(reports[0].second.matched == 0);
    CHECK(reports[1].first == "b");
    CHECK(reports[1].second.terminated == 1);
    CHECK(reports[2].first == "c");
    CHECK(reports[2].second.matched == 0);
    CHECK(a.echo("after") == "a");
    CHECK(b.recv_error() == ECONNABORTED);
    CHECK(c.echo("after") == "c");
    CHECK(net.box.client().connect(net.endpoint(kind, "a")) == EPERM);
}

TEST_CASE("unconnected UDP sockets are never ended: their port stays [E02]", "[kernel][forbidden]") {
    Balanced net("forbid-unconnected");
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        set_policies(net.plane, {});
        Client client = net.client(kind), gone = net.client(kind);
        REQUIRE(client.send_to(net.endpoint(kind, "a"), "hello") == 0);
        REQUIRE(gone.bind(kind.socket == Family::v4 ? "0.0.0.0:40404" : "[::]:40404") == 0);
        REQUIRE(gone.connect(net.endpoint(kind, "a")) == 0);
        REQUIRE(gone.disconnect() == 0);
        const auto local = client.local();
        set_policies(net.plane, {deny(all_of(net.box.host("a")))});
        CHECK(enforce(net.plane)["no"].matched == 0);
        CHECK(client.local() == local);
        CHECK(client.pending_error() == 0);
        CHECK(gone.pending_error() == 0);
        CHECK(client.send_to(net.endpoint(kind, "b"), "on") == 0);
    }
}

TEST_CASE("the sockets of descendants of the cgroup end, those of others and reseat's own live [E23]",
          "[kernel][forbidden]") {
    Balanced net("forbid-tree");
    const std::string child = net.box.cgroup().path() + "/child/grandchild";
    std::filesystem::create_directories(child);
    {
        Client outsider = net.box.outsider(), own = net.box.client();
        net.plane.kernel().exempter()(own.fd());
        const auto to = net.box.host("a").endpoint();
        REQUIRE(outsider.connect(to) == 0);
        REQUIRE(own.connect(to) == 0);
        Process below = net.box.spawn([&] {
            join_cgroup(child);
            Client client(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
            if (client.connect(to) != 0) return 1;
            return client.recv_error(10s) == ECONNABORTED ? 42 : 2;
        });
        REQUIRE(net.plane.pump_until([&] { return net.box.host("a").server().connections_accepted() == 3; },
                                     10s));
        set_policies(net.plane, {deny(all_of(net.box.host("a")))});
        CHECK(enforce(net.plane)["no"].terminated == 1);
        CHECK(below.wait() == 42);
        CHECK(outsider.echo("after") == "a");
        CHECK(own.echo("after") == "a");
    }
    std::filesystem::remove(child);
    std::filesystem::remove(net.box.cgroup().path() + "/child");
}

TEST_CASE("connections that the workload accepted are not what it connected to", "[kernel][forbidden]") {
    Balanced net("forbid-accepted");
    auto made = net.box.maker().make(AF_INET, SOCK_STREAM);
    REQUIRE(made.error == 0);
    const SocketAddress any(Where("127.0.0.1:40405"), AF_INET);
    REQUIRE(::bind(made.fd.get(), any.get(), any.length) == 0);
    REQUIRE(::listen(made.fd.get(), 4) == 0);
    Client outsider = net.box.outsider();
    REQUIRE(outsider.connect("127.0.0.1:40405") == 0);
    Client accepted(UniqueFd(::accept4(made.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    set_policies(net.plane, {deny({{cidr("127.0.0.0/8"), {}, {}, {}}})});
    CHECK(enforce(net.plane)["no"].matched == 0);
    CHECK(outsider.send("hello") == 0);
    CHECK(accepted.recv().text == "hello");
}

TEST_CASE("a raw socket ends where the kernel lists raw sockets; elsewhere it lives: a stated limit [E69]",
          "[kernel][forbidden]") {
    Balanced net("forbid-raw");
    const SocketAddress to(net.box.host("a").endpoint(), AF_INET);
    auto made = net.box.maker().make(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    auto unconnected = net.box.maker().make(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    REQUIRE(made.error == 0);
    REQUIRE(::connect(made.fd.get(), to.get(), to.length) == 0);
    auto diag = bpf::SockDiag::open();
    REQUIRE(diag.has_value());
    const bool listed =
        diag->dump({.protocol = IPPROTO_RAW, .states = 1u << 1, .remote_port_be = 0}, [](const auto&) {})
            .has_value();
    CAPTURE(listed);
    set_policies(net.plane, {deny(all_of(net.box.host("a")))});
    CHECK(enforce(net.plane)["no"].terminated == (listed ? 1 : 0));
    int error = 0;
    socklen_t length = sizeof error;
    CHECK(::getsockopt(made.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0);
    CHECK(error == (listed ? ECONNABORTED : 0));
    CHECK(::getsockopt(unconnected.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0);
    CHECK(error == 0);
}

TEST_CASE("sockets in a network namespace of a process below the cgroup end, too [E58]",
          "[kernel][forbidden]") {
    Balanced net("forbid-netns");
    int told[2];
    REQUIRE(::pipe2(told, O_CLOEXEC) == 0);
    const UniqueFd hears(told[0]), tells(told[1]);
    Process below = net.box.spawn([&] { return connect_in_own_namespace("127.0.0.1:9", tells.get()); });
    char ready = 0;
    REQUIRE(::read(hears.get(), &ready, 1) == 1);
    REQUIRE(ready == 'y');
    set_policies(net.plane, {deny({{cidr("127.0.0.0/8"), {}, {}, {}}})});
    CHECK(enforce(net.plane)["no"].terminated == 1);
    CHECK(below.wait() == 42);
}

TEST_CASE("a connect in the middle of its handshake ends, too [E30]", "[kernel][forbidden]") {
    Balanced net("forbid-syn");
    net.box.host("a").vanish();
    Client client = net.box.client();
    REQUIRE(client.connect_nonblocking(net.box.host("a").endpoint()) == EINPROGRESS);
    set_policies(net.plane, {deny(all_of(net.box.host("a")))});
    CHECK(enforce(net.plane)["no"].terminated == 1);
    CHECK(client.finish_connect() == ECONNABORTED);
}

TEST_CASE("many sockets that a policy denies end at once: their clients cannot reconnect [E45]",
          "[kernel][forbidden]") {
    Balanced net("forbid-many");
    std::vector<Client> clients;
    for (int i = 0; i < 300; ++i)
        clients.push_back(connected(net.box, kKinds[3], net.endpoint(kKinds[3], "a")));
    set_policies(net.plane, {deny(all_of(net.box.host("a")))});
    const auto report = enforce(net.plane)["no"];
    CHECK(report.terminated == 300);
    CHECK(report.failed == 0);
    CHECK(report.duration < 500ms);
    for (Client& client : clients) CHECK(client.recv_error() == ECONNABORTED);
}

TEST_CASE("many sockets that are older than the data path end over a second, all of them [E45]",
          "[kernel][untracked]") {
    Sandbox box("untracked-many", {"a"});
    const auto a = box.host("a").endpoint();
    std::vector<Client> clients;
    for (int i = 0; i < 300; ++i) clients.push_back(connected(box, kKinds[3], a));
    TestPlane plane(box, {service(vip_of(Family::v4), {a}, kKinds[3].protocol)});
    const auto report = end_untracked(plane, kKinds[3].protocol, {a});
    CHECK(report.terminated == 300);
    CHECK(report.failed == 0);
    CHECK(report.duration > 500ms);
    for (Client& client : clients) CHECK(client.recv_error() == ECONNABORTED);
}

TEST_CASE("sockets older than the data path end when told, by address and cgroup [E27][E71]",
          "[kernel][untracked]") {
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Sandbox box("untracked", {"a", "b"});
        const auto a = box.host("a").endpoint(kind.address), b = box.host("b").endpoint(kind.address);
        Client older = connected(box, kind, a), elsewhere = connected(box, kind, b);
        Client outsider = box.outsider(kind.protocol, kind.socket);
        REQUIRE(outsider.connect(a) == 0);
        for (Client* client : {&older, &elsewhere, &outsider}) REQUIRE(client->echoes("before"));
        TestPlane plane(box, {service(vip_of(kind.address), {a, b}, kind.protocol)});
        Client younger =
            connected(box, kind, a);  // opened directly since: the application's own business [E04]
        REQUIRE(younger.echoes("before"));

        CHECK(end_untracked(plane, kind.protocol, {vip_of(kind.address)}).matched == 0);
        const auto other = kind.protocol == Protocol::tcp ? Protocol::udp : Protocol::tcp;
        CHECK(end_untracked(plane, other, {a}).matched == 0);
        const auto report = end_untracked(plane, kind.protocol, {vip_of(kind.address), a});
        CHECK(report.matched == 1);
        CHECK(report.terminated == 1);
        CHECK(older.recv_error() == ECONNABORTED);
        CHECK(elsewhere.echo("after") == "b");
        CHECK(younger.echo("after") == "a");
        CHECK(outsider.echo("after") == "a");
    }
}

TEST_CASE("an old UDP socket that was connected again since is not untracked any more [E04][E27]",
          "[kernel][untracked]") {
    for (const Kind& kind : kinds_of(Protocol::udp)) {
        INFO(kind);
        Sandbox box("untracked-again", {"a", "b"});
        const auto a = box.host("a").endpoint(kind.address), b = box.host("b").endpoint(kind.address);
        Client balanced = connected(box, kind, a), moved = connected(box, kind, b);
        TestPlane plane(box, {service(vip_of(kind.address), {a}, kind.protocol)});
        REQUIRE(balanced.connect(vip_of(kind.address)) == 0);
        REQUIRE(moved.connect(a) == 0);
        CHECK(end_untracked(plane, kind.protocol, {vip_of(kind.address), a, b}).matched == 0);
        CHECK(balanced.echo("after") == "a");
        CHECK(moved.echo("after") == "a");
    }
}
