// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/network_suspicion.hpp"

#include "lb/health/own_address.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Address at(const std::string& text) {
    return parse_address(text).value();
}

NetworkSuspicion::Silence silence(const std::string& name, const std::string& address,
                                  TimePoint asked_at = t0, Duration round = 2s, ServiceId service = 1) {
    return {
        .service = service, .backend = name, .address = at(address), .asked_at = asked_at, .round = round};
}

std::size_t machines(std::initializer_list<std::pair<std::string, std::string>> backends) {
    Machines counted;
    for (const auto& [name, address] : backends) counted.add(name, at(address));
    return counted.fewest();
}

}  // namespace

TEST_CASE(
    "machines are told apart by address and by name, and one may have an IPv4 and an IPv6 address [E67]",
    "[suspicion]") {
    CHECK(machines({}) == 0);
    CHECK(machines({{"a", "10.0.1.1"}, {"a:80", "10.0.1.1"}, {"db", "10.0.1.1"}}) == 1);
    CHECK(machines({{"a", "10.0.1.1"}, {"b", "10.0.1.2"}}) == 2);
    CHECK(machines({{"a", "10.0.1.1"}, {"a", "10.0.2.1"}, {"a", "fd00::1"}}) == 1);
    CHECK(machines({{"a4", "10.0.1.1"}, {"a6", "fd00::1"}}) == 1);
    CHECK(machines({{"a4", "10.0.1.1"}, {"a6", "fd00::1"}, {"b6", "fd00::2"}}) == 2);
    CHECK(machines({{"a", "10.0.1.1"}, {"a", "fd00::1"}, {"b", "fd00::2"}}) == 2);
    CHECK(machines({{"a", "10.0.1.1"}, {"b", "10.0.1.2"}, {"c", "10.0.1.1"}, {"c", "10.0.1.2"}}) == 1);
}

TEST_CASE("nobody answers any more on two machines: our own network is suspected, for one round [E67]",
          "[suspicion]") {
    NetworkSuspicion suspicion;
    CHECK_FALSE(suspicion.on_answer(t0, false));
    suspicion.on_silence(silence("a", "10.0.1.1", t0 + 1s));
    CHECK_FALSE(suspicion.begins(t0 + 2s));
    CHECK_FALSE(suspicion.hold(t0 + 2s));
    suspicion.on_silence(silence("b", "10.0.1.2", t0 + 2s, 3s, 2));
    CHECK(suspicion.begins(t0 + 3s));
    CHECK(suspicion.machines() == 2);
    CHECK(suspicion.services() == 2);
    CHECK(suspicion.round() == 3s);
    CHECK(suspicion.hold(t0 + 3s) == t0 + 6s);
    CHECK_FALSE(suspicion.begins(t0 + 3s));  // once
    CHECK(suspicion.hold(t0 + 4s) == t0 + 7s);
    CHECK_FALSE(suspicion.hold(t0 + 6s));
    suspicion.on_silence(silence("c", "10.0.1.3", t0 + 6s));
    CHECK_FALSE(suspicion.begins(t0 + 7s));  // it was held once, then done
}

TEST_CASE("one machine is no network, however many services, protocols and addresses it has [E67]",
          "[suspicion]") {
    NetworkSuspicion suspicion;
    for (ServiceId id = 1; id <= 9; ++id) {
        suspicion.on_silence(silence("pod", "10.0.1.1", t0, 2s, id));
        suspicion.on_silence(silence("pod6", "fd00::1", t0, 2s, id));
    }
    CHECK_FALSE(suspicion.begins(t0));
}

TEST_CASE("while one backend on another machine answers, our own network is not suspected [E67]",
          "[suspicion]") {
    NetworkSuspicion suspicion;
    suspicion.on_silence(silence("a", "10.0.1.1", t0));
    suspicion.on_silence(silence("b", "10.0.1.2", t0));
    SECTION("after they fell silent") {
        CHECK_FALSE(suspicion.on_answer(t0 + 1s, false));
    }
    SECTION("after they were asked, and before that was known") {
        NetworkSuspicion fresh;
        fresh.on_answer(t0 + 1s, false);
        fresh.on_silence(silence("a", "10.0.1.1", t0));
        fresh.on_silence(silence("b", "10.0.1.2", t0));
        suspicion = fresh;
    }
    CHECK_FALSE(suspicion.begins(t0 + 2s));
    suspicion.on_silence(silence("c", "10.0.1.3", t0 + 1s));
    CHECK_FALSE(suspicion.begins(t0 + 2s));
}

TEST_CASE("an answer ends a suspicion, and what is held with it [E67]", "[suspicion]") {
    NetworkSuspicion suspicion;
    suspicion.on_silence(silence("a", "10.0.1.1"));
    suspicion.on_silence(silence("b", "10.0.1.2"));
    REQUIRE(suspicion.begins(t0));
    REQUIRE(suspicion.hold(t0 + 1s) == t0 + 3s);
    const auto [answer, holds] = GENERATE(std::pair(2500ms, true), std::pair(3s, false));
    CHECK(suspicion.on_answer(t0 + answer, false) == holds);
    CHECK_FALSE(suspicion.on_answer(t0 + answer, false));
    CHECK_FALSE(suspicion.hold(t0 + answer));
}

TEST_CASE("one that is back may not be the only one: what is held waits for the others [E67]",
          "[suspicion]") {
    NetworkSuspicion suspicion;
    suspicion.on_silence(silence("a", "10.0.1.1"));
    suspicion.on_silence(silence("b", "10.0.1.2"));
    REQUIRE(suspicion.begins(t0));
    REQUIRE(suspicion.hold(t0) == t0 + 2s);
    CHECK_FALSE(suspicion.on_answer(t0 + 1s, true));
    CHECK(suspicion.hold(t0 + 1s) == t0 + 3s);  // a verdict of checks made before
    CHECK_FALSE(suspicion.hold(t0 + 2s));
}

TEST_CASE("addresses of this machine are known from those of others", "[suspicion]") {
    CHECK(is_own_address(at("127.0.0.1")));
    CHECK(is_own_address(at("127.1.2.3")));
    CHECK_FALSE(is_own_address(at("198.51.100.1")));
}
