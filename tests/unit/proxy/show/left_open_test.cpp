// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/lists_text.hpp"
#include "tests/support/catch.hpp"

#include <boost/json.hpp>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

const SystemTime kNow{1'800'000'000s};

json::object socket(int pid, const char* comm, const char* protocol = "tcp") {
    return {{"pid", pid}, {"comm", comm}, {"protocol", protocol}};
}

BackendView draining(std::optional<SystemTime> end = kNow + 4min) {
    BackendView backend{.name = "a", .state = "drain"};
    backend.sockets_end_at = end;
    return backend;
}

}  // namespace

TEST_CASE("sockets that are left are told by process, with what becomes of them", "[drain]") {
    const json::array sockets = {socket(9, "psql"), socket(4711, "python3"), socket(4711, "python3"),
                                 socket(4711, "python3", "udp")};
    CHECK(left_open_text(sockets, {{"tcp", draining()}, {"udp", draining(std::nullopt)}}, kNow) ==
          "  python3 (pid 4711): 2 TCP sockets, terminated in 4 min unless closed before\n"
          "  psql (pid 9): 1 TCP socket, terminated in 4 min unless closed before\n"
          "  python3 (pid 4711): 1 UDP socket, open until the process closes them\n");
    const json::array one = {json::object{{"pid", nullptr}, {"comm", nullptr}, {"protocol", "tcp"}}};
    const auto told = [&](const BackendView& backend) {
        return left_open_text(one, {{"tcp", backend}}, kNow);
    };
    CHECK(told(draining(kNow)) == "  unknown process: 1 TCP socket, being terminated\n");
    BackendView waiting = draining();
    waiting.waiting = 1;
    CHECK(told(waiting) ==
          "  unknown process: 1 TCP socket, to be terminated as soon as another backend is eligible\n");
    BackendView stuck = draining();
    stuck.stuck = 1;
    CHECK(told(stuck) == "  unknown process: 1 TCP socket, could not be terminated yet, tried again\n");
    CHECK(left_open_text({}, {}, kNow).empty());
}

TEST_CASE("of very many processes with sockets that are left ten are named", "[drain]") {
    json::array sockets;
    for (int pid = 1; pid <= 12; ++pid) sockets.push_back(socket(pid, "worker"));
    const std::string text = left_open_text(sockets, {{"tcp", draining()}}, kNow);
    CHECK(std::count(text.begin(), text.end(), '\n') == 11);
    CHECK_THAT(text, Catch::EndsWith("\n  and 2 more processes\n"));
}
