// SPDX-License-Identifier: Apache-2.0
// The same cases through each termination engine. What each of them is asked to end mirrors the kernel's own
// selftests sock_destroy (tcp_client, udp_client), sock_iter_batch and connect_force_port.
#include "lab/route_socket.hpp"
#include "tests/kernel/support/engine_cases.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <cerrno>
#include <fstream>
#include <set>

#include <netinet/in.h>
#include <netinet/tcp.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

namespace {

/// What an application is told by each engine: TCP from recv(), connected UDP from send().
struct Told {
    int tcp;
    int udp;
};
const std::map<std::string_view, Told> kTold{
    {"tuple", {ECONNABORTED, EDESTADDRREQ}},
    {"diag", {ECONNABORTED, EDESTADDRREQ}},
    {"iterator", {ECONNABORTED, EDESTADDRREQ}},
    {"descriptor", {ECONNRESET, EDESTADDRREQ}},
};

int told(Client& client, Protocol protocol) {
    return protocol == Protocol::tcp ? client.recv_error() : client.send("more");
}
int expected(bpf::Engine engine, Protocol protocol) {
    const Told& row = kTold.at(to_string(engine));
    return protocol == Protocol::tcp ? row.tcp : row.udp;
}

Client client_of(Sandbox& box, const Kind& kind) {
    return box.client(kind.protocol, kind.socket);
}

Client on(Sandbox& box, const Kind& kind, const std::string& host) {
    return landing_on(box, host, vip_of(kind.address), kind.protocol, kind.socket);
}

lb::TerminationReport condemn(TestPlane& plane, Sandbox& box, const Kind& kind, const std::string& host) {
    return plane.condemn(box.host(host).endpoint(kind.address));
}

}  // namespace

TEST_CASE("every engine has its row for what an application is told", "[kernel][engines][coverage]") {
    for (const auto engine : kEngines) CHECK(kTold.contains(to_string(engine)));
    CHECK(kTold.size() == kEngines.size());
    std::set<std::string_view> names;
    for (const auto engine : kEngines) names.insert(to_string(engine));
    CHECK(names.size() == kEngines.size());
    // An engine that is added gets a name: then this list is too short.
    CHECK(static_cast<std::size_t>(bpf::Engine::descriptor) + 1 == kEngines.size());
}

TEST_CASE("each engine ends every kind of socket, and nobody else's [E04][E10][E25]", "[kernel][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    Sandbox box("engine-kinds", {"a", "b"});
    TestPlane plane(box, ending_services(box, {"a", "b"}), {.only_engine = engine});
    CHECK(plane.kernel().engines() == std::vector{std::string(to_string(engine))});
    for (const Kind& kind : kKinds) {
        INFO(to_string(engine) << ", " << kind);
        Client victim = on(box, kind, "a");
        Client bystander = on(box, kind, "b");
        Client direct = client_of(box, kind);
        REQUIRE(direct.connect(box.host("a").endpoint(kind.address)) == 0);
        REQUIRE(direct.echoes("hello"));
        const auto report = condemn(plane, box, kind, "a");
        CHECK(report.terminated == 1);
        CHECK(report.failed == 0);
        CHECK(report.first_failure == "");
        CHECK(told(victim, kind.protocol) == expected(engine, kind.protocol));
        CHECK(bystander.echo("still here") == "b");
        CHECK(direct.echo("still here") == "a");
        plane.bring_back(box.host("a").endpoint(kind.address));
    }
}

TEST_CASE("each engine aborts SYN_SENT and leaves who listens or waits [E30]", "[kernel][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    INFO(to_string(engine));
    Sandbox box("engine-states", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()})}, {.only_engine = engine});
    const Where local = "10.99.0.1:40080";
    Client server = landing_on(box, "a", kVip, Protocol::tcp, Family::v4,
                               [&](Client& client) { REQUIRE(client.bind(local) == 0); });
    REQUIRE(server.disconnect() == 0);
    REQUIRE(::listen(server.fd(), 1) == 0);
    Client closed = landing_on(box, "a", kVip);
    REQUIRE(::shutdown(closed.fd(), SHUT_WR) == 0);
    const auto waits = [&] {
        for (const auto& socket : list_sockets(Protocol::tcp, Family::v4))
            if (socket.state == TCP_TIME_WAIT && socket.peer == a.endpoint()) return true;
        return false;
    };
    REQUIRE(wait_until(waits));
    a.vanish();
    Client connecting = box.client();
    REQUIRE(connecting.connect_nonblocking(kVip) == EINPROGRESS);
    const auto report = plane.condemn(a);
    CHECK(report.terminated == 1);
    CHECK(report.failed == 0);
    CHECK(connecting.finish_connect(0ms) != 0);
    CHECK(waits());
    CHECK(inspect_socket(server.fd())->state == TCP_LISTEN);
}

TEST_CASE("each engine leaves UDP that was unconnected or connected elsewhere [E03][E51]",
          "[kernel][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    INFO(to_string(engine));
    Sandbox box("engine-left");
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()}, lb::UdpFate::terminate)},
                    {.only_engine = engine});
    const Where local = "10.99.0.1:40090";
    Client unconnected = landing_on(box, "a", kVip, Protocol::udp, Family::v4,
                                    [&](Client& client) { REQUIRE(client.bind(local) == 0); });
    REQUIRE(unconnected.disconnect() == 0);
    Client moved = landing_on(box, "a", kVip, Protocol::udp);
    REQUIRE(moved.connect(box.host("c").endpoint()) == 0);
    CHECK(plane.condemn(a).matched == 0);
    CHECK(unconnected.pending_error() == 0);
    CHECK(unconnected.local()->port == 40090);
    CHECK(moved.echo("still here") == "c");
}

TEST_CASE("each engine tells a new life of an address from the old one [E33][E65]", "[kernel][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    INFO(to_string(engine));
    Sandbox box("engine-lives", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, ending_services(box, {"a"}), {.only_engine = engine});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client old = on(box, kind, "a");
        const auto lives = plane.take_out(a.endpoint(kind.address));
        plane.bring_back(a.endpoint(kind.address));
        Client fresh = on(box, kind, "a");
        unsigned terminated = 0;
        for (const auto life : lives) terminated += plane.reseat(life).terminated;
        CHECK(terminated == 1);
        CHECK(told(old, kind.protocol) != 0);
        CHECK(fresh.echo("still here") == "a");
    }
}

TEST_CASE("beyond the index: what each engine finds [E08]", "[kernel][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    INFO(to_string(engine));
    Sandbox box("engine-overflow", {"a"});
    TestPlane plane(box, ending_services(box, {"a"}),
                    {.index_chunk = 1, .index_chunks = 1, .most_index_chunks = 1, .only_engine = engine});
    for (const Kind& kind : kKinds) {
        INFO(kind);
        Client one = on(box, kind, "a");
        Client two = on(box, kind, "a");
        const auto report = condemn(plane, box, kind, "a");
        // The tuple engine knows what is in the index and nothing else.
        CHECK(report.terminated == (engine == bpf::Engine::tuple ? 1u : 2u));
        plane.bring_back(box.host("a").endpoint(kind.address));
    }
}

TEST_CASE("each engine ends reuseport twins with one tuple [E55]", "[kernel][engines]") {
    const auto engine = GENERATE(from_range(kEngines));
    INFO(to_string(engine));
    Sandbox box("engine-twins", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {udp_service(kVip, {a.endpoint()}, lb::UdpFate::terminate)},
                    {.only_engine = engine});
    const Where local = "10.99.0.1:40100";
    const int yes = 1;
    std::vector<Client> twins;
    for (int i = 0; i < 2; ++i) {
        twins.push_back(box.client(Protocol::udp));
        REQUIRE(::setsockopt(twins.back().fd(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) == 0);
        REQUIRE(twins.back().bind(local) == 0);
        REQUIRE(twins.back().connect(kVip) == 0);
    }
    CHECK(plane.condemn(a).terminated == 2);
    for (auto& twin : twins) CHECK(twin.send("more") == EDESTADDRREQ);
}

TEST_CASE("TCP bound to a device after it connected: the tuple misses it, the next engine does not [E66]",
          "[kernel][engines]") {
    Sandbox box("engine-device", {"a"});
    auto& a = box.host("a");
    const auto engine = GENERATE(std::optional<bpf::Engine>(), bpf::Engine::tuple, bpf::Engine::diag,
                                 bpf::Engine::iterator, bpf::Engine::descriptor);
    TestPlane plane(box, {service(kVip, {a.endpoint()})}, {.only_engine = engine});
    Client client = landing_on(box, "a", kVip);
    const std::string device = "lan";
    REQUIRE(::setsockopt(client.fd(), SOL_SOCKET, SO_BINDTODEVICE, device.data(), device.size()) == 0);
    const auto report = plane.condemn(a);
    INFO((engine ? to_string(*engine) : "all"));
    CHECK(report.terminated == (engine == bpf::Engine::tuple ? 0u : 1u));
    CHECK(report.failed == 0);
}

TEST_CASE("what the engines in use are called, best first [E25]", "[kernel][engines]") {
    Sandbox box("engine-names", {"a"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})});
    CHECK(plane.kernel().engines() == std::vector<std::string>{"tuple", "diag", "descriptor"});
}

TEST_CASE("fifty thousand sockets on one backend are all ended, and the event loop goes on meanwhile [E45]",
          "[kernel][engines]") {
    Sandbox box("mass", {"a"});
    auto& a = box.host("a");
    std::ofstream("/proc/sys/net/ipv4/ip_local_port_range") << "1024 65535";  // of this namespace
    TestPlane plane(box, {service(kVip, {a.endpoint()})});
    a.vanish();  // so that nobody has to accept them: they stay in SYN_SENT
    constexpr unsigned kProcesses = 4, kEach = 12'500;
    // Two source addresses: beyond half the ports of one, the kernel takes milliseconds to find a free one.
    const Endpoint second{parse_address("10.99.0.2").value(), 0};
    lab::RouteSocket().add_address("lan", second.address, 24);
    auto open_many = [&](bool from_second) {
        std::vector<Client> clients;
        const int yes = 1;
        for (unsigned i = 0; i < kEach; ++i) {
            clients.emplace_back(UniqueFd(::socket(AF_INET, SOCK_STREAM, 0)));
            ::setsockopt(clients.back().fd(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
            if (from_second && clients.back().bind(second) != 0) return 3;
            if (clients.back().connect_nonblocking(kVip) != EINPROGRESS) return 1;
        }
        for (auto& client : clients)
            if (client.finish_connect(90s) != ECONNABORTED) return 2;
        return 0;
    };
    std::vector<Process> workload;
    for (unsigned i = 0; i < kProcesses; ++i)
        workload.push_back(box.spawn([&, i] { return open_many(i % 2); }));
    const auto life = plane.life("10.96.0.1:80/tcp", a.endpoint());
    const auto all_there = [&] { return plane.kernel().open_sockets(life) == kProcesses * kEach; };
    REQUIRE(plane.pump_until(all_there, 60s));
    const auto lives = plane.take_out(a.endpoint());
    REQUIRE(lives == std::vector{life});
    unsigned ticks = 0;
    lb::TerminationReport report;
    auto both = [&]() -> Task<void> {
        Spawned ticker;
        auto tick = [](unsigned& count) -> Task<void> {
            while (true) {
                co_await sleep_for(1ms);
                ++count;
            }
        };
        ticker = spawn(co_await asio::this_coro::executor, "ticker", tick(ticks), [](const std::string&) {});
        report = co_await plane.kernel().reseat({.life = life});
    };
    plane.run(both());
    CHECK(report.terminated == kProcesses * kEach);
    CHECK(report.failed == 0);
    CHECK(report.duration > 900ms);  // spread over a second
    CHECK(ticks > 50);
    for (auto& process : workload) CHECK(process.wait(60s) == 0);
}
