// SPDX-License-Identifier: Apache-2.0
// Ways to end sockets that reseat does not go, and why: proved on the kernel that runs.
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cstdlib>
#include <memory>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;

TEST_CASE("the verifier refuses to end sockets from an iterator over a sockhash", "[kernel][rejected]") {
    const std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object(
        bpf_object__open_file(RESEAT_TEST_PROGRAMS "/sockhash_destroy.bpf.o", nullptr), bpf_object__close);
    REQUIRE(object);
    bpf_program* program = bpf_object__find_program_by_name(object.get(), "destroy_of_hash");
    REQUIRE(program);
    std::array<char, 64 * 1024> log{};
    bpf_program__set_log_buf(program, log.data(), log.size());
    bpf_program__set_log_level(program, 1);
    CHECK(bpf_object__load(object.get()) != 0);
    CHECK_THAT(std::string(log.data()), Catch::Contains("must be referenced or trusted"));
}

TEST_CASE("an unreachable route ends nothing: established TCP and connected UDP hang on",
          "[kernel][rejected]") {
    Sandbox box("unreachable", {"a"});
    auto& a = box.host("a");
    TestPlane plane(box, {service(kVip, {a.endpoint()}), udp_service(kVip, {a.endpoint()})});
    Client tcp = landing_on(box, "a", kVip);
    Client udp = landing_on(box, "a", kVip, Protocol::udp);
    a.vanish();
    const std::string add = "ip route add unreachable " + to_string(a.endpoint().address) + "/32";
    REQUIRE(std::system(add.c_str()) == 0);
    Client fresh = box.outsider();
    CHECK(fresh.connect(a.endpoint()) == EHOSTUNREACH);  // the route is there
    tcp.send("is anybody there?");
    CHECK(tcp.is_silent(500ms));
    CHECK(udp.is_silent(200ms));
    CHECK(tcp.actual_peer() == a.endpoint());
    CHECK(udp.actual_peer() == a.endpoint());
    CHECK(plane.condemn(a).matched == 2);  // while this does, for the one that still has somewhere to go
    CHECK(tcp.recv_error() == ECONNABORTED);
}
