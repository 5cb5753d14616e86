// SPDX-License-Identifier: Apache-2.0
// Which program runs for which kind of client: the table is complete, and true.
#include "tests/kernel/support/attached_programs.hpp"
#include "tests/kernel/support/kinds.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <map>
#include <string_view>

using namespace reseat;
using namespace reseat::test;

namespace {

/// Program → which of kKinds it serves, in their order:
///   tcp v4, tcp v6, tcp v4-mapped, udp v4, udp v6, udp v4-mapped.
const std::map<std::string_view, std::array<bool, kKinds.size()>> kTable{
    {"lb_connect4", {true, false, false, true, false, false}},
    {"lb_connect6", {false, true, true, false, true, true}},
    {"lb_sendmsg4", {false, false, false, true, false, true}},
    {"lb_sendmsg6", {false, false, false, false, true, false}},
    {"lb_recvmsg4", {false, false, false, true, false, false}},
    {"lb_recvmsg6", {false, false, false, false, true, true}},
    {"lb_getpeername4", {true, false, false, true, false, false}},
    {"lb_getpeername6", {false, true, true, false, true, true}},
    {"lb_sockops", {true, true, true, false, false, false}},
    {"lb_release", {true, true, true, true, true, true}},
};

/// All that a client of this kind can do, and that it comes out right.
void live_through(Balanced& net, const Kind& kind) {
    const Where vip = vip_of(kind.address);
    Client connected = net.client(kind);
    REQUIRE(connected.connect(vip) == 0);
    CHECK(connected.echo("hello") == "a");
    CHECK(connected.actual_peer() == net.endpoint(kind, "a"));
    CHECK(connected.peer() == vip);
    connected.close();
    CHECK(net.open_in_all() == 0);
    CHECK(net.indexed_in_all() == 0);
    if (kind.protocol == Protocol::tcp) return;
    Client unconnected = net.client(kind);
    REQUIRE(unconnected.send_to(vip, "hello") == 0);
    const auto received = unconnected.recv();
    CHECK(received.text == "a:hello");
    CHECK(received.from == vip);
}

}  // namespace

TEST_CASE("every attached program has its case for every protocol and family", "[kernel][coverage]") {
    Balanced net("coverage", {"a"});
    const AttachedPrograms programs(net.box.cgroup().path());
    const auto attached = programs.runs();
    for (const auto& [program, ignored] : attached) {
        INFO(program << " is attached and has no row in the table");
        CHECK(kTable.contains(program));
    }
    for (const auto& [program, ignored] : kTable) {
        INFO(program << " has a row in the table and is not attached");
        CHECK(attached.contains(std::string(program)));
    }
}

TEST_CASE("each program runs for the clients that are its own and for no others", "[kernel][coverage]") {
    Balanced net("coverage-runs", {"a"});
    const AttachedPrograms programs(net.box.cgroup().path());
    REQUIRE(programs.counts());
    for (std::size_t column = 0; column < kKinds.size(); ++column) {
        const auto before = programs.runs();
        live_through(net, kKinds[column]);
        const auto after = programs.runs();
        for (const auto& [program, row] : kTable) {
            INFO(program << ", " << kKinds[column]);
            const std::string name(program);
            CHECK((after.at(name) > before.at(name)) == row[column]);
        }
    }
}
