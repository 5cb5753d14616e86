// SPDX-License-Identifier: Apache-2.0
// Hook x family x protocol x engine: whatever way a socket has met the programs, each engine ends it or
// leaves it as it should.
#include "tests/kernel/support/attached_programs.hpp"
#include "tests/kernel/support/engine_cases.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/socket_address.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace reseat;
using namespace reseat::test;

namespace {

struct Way {
    std::string_view name;
    std::vector<std::string_view> programs;  ///< that see such a socket; less the digit of a family
    std::vector<Protocol> protocols;
    bool ends;  ///< with its backend
    std::function<void(Client&, const Kind&)> go;
};

void connect(Client& client, const Kind& kind) {
    REQUIRE(client.connect(vip_of(kind.address)) == 0);
}

void open_fast(Client& client, const Kind& kind) {
    const SocketAddress to(vip_of(kind.address), kind.socket == Family::v4 ? AF_INET : AF_INET6);
    REQUIRE(::sendto(client.fd(), "first", 5, MSG_FASTOPEN, to.get(), to.length) == 5);
    REQUIRE(client.recv().text == "a:first");
}

void ask_for_peer(Client& client, const Kind& kind) {
    connect(client, kind);
    REQUIRE(client.echo("hello") == "a");
    REQUIRE(client.peer() == vip_of(kind.address));
}

void send_unconnected(Client& client, const Kind& kind) {
    REQUIRE(client.send_to(vip_of(kind.address), "hello") == 0);
    REQUIRE(client.recv().from == vip_of(kind.address));
}

void send_connected(Client& client, const Kind& kind) {
    connect(client, kind);
    send_unconnected(client, kind);
}

void connect_and_close(Client& client, const Kind& kind) {
    connect(client, kind);
    client.close();
}

const std::vector<Way> kWays{
    {"connect()", {"lb_connect", "lb_sockops"}, {Protocol::tcp, Protocol::udp}, true, connect},
    {"MSG_FASTOPEN", {"lb_connect", "lb_sockops"}, {Protocol::tcp}, true, open_fast},
    {"getpeername()", {"lb_getpeername"}, {Protocol::tcp, Protocol::udp}, true, ask_for_peer},
    {"sendto(), unconnected", {"lb_sendmsg", "lb_recvmsg"}, {Protocol::udp}, false, send_unconnected},
    {"sendto(), connected", {"lb_sendmsg", "lb_recvmsg"}, {Protocol::udp}, true, send_connected},
    {"close()", {"lb_release"}, {Protocol::tcp, Protocol::udp}, false, connect_and_close},
};

void check_way(TestPlane& plane, Sandbox& box, const Way& way, const Kind& kind) {
    Client client = box.client(kind.protocol, kind.socket);
    way.go(client, kind);
    const bool open = client.fd() >= 0;
    const auto local = open ? client.local() : std::nullopt;
    const auto report = plane.condemn(box.host("a").endpoint(kind.address));
    CHECK(report.matched == (way.ends ? 1u : 0u));
    CHECK(report.terminated == (way.ends ? 1u : 0u));
    CHECK(report.failed == 0);
    if (open) CHECK(client.actual_peer() == std::nullopt);
    if (open && !way.ends) CHECK(client.local() == local);
    plane.bring_back(box.host("a").endpoint(kind.address));
}

}  // namespace

TEST_CASE("every attached program is one that the ways through the engines have met",
          "[kernel][engines][coverage]") {
    Balanced net("engine-ways", {"a"});
    for (const auto& [program, runs] : AttachedPrograms(net.box.cgroup().path()).runs()) {
        INFO(program);
        const auto met = [&, all = program](std::string_view name) {
            return all == name || all == std::string(name) + "4" || all == std::string(name) + "6";
        };
        CHECK(std::ranges::any_of(kWays,
                                  [&](const Way& way) { return std::ranges::any_of(way.programs, met); }));
    }
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        for (const bool ends : {true, false})
            CHECK(std::ranges::any_of(kWays, [&](const Way& way) {
                return way.ends == ends && std::ranges::count(way.protocols, protocol) > 0;
            }));
}

TEST_CASE(
    "whatever way a socket met the programs, each engine ends or leaves it as it should [E02][E09][E36]",
    "[kernel][engines][coverage]") {
    const auto engine = GENERATE(from_range(kEngines));
    Sandbox box("engine-way", {"a"});
    TestPlane plane(box, ending_services(box, {"a"}), {.only_engine = engine});
    for (const Way& way : kWays)
        for (const Kind& kind : kKinds) {
            if (std::ranges::count(way.protocols, kind.protocol) == 0) continue;
            INFO(to_string(engine) << ", " << way.name << ", " << kind);
            check_way(plane, box, way, kind);
        }
}
