// SPDX-License-Identifier: Apache-2.0
#include "lb/control/network_suspicion.hpp"

#include "tests/unit/lb/control_support.hpp"

#include <catch2/catch.hpp>

using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Address host(int number) {
    return parse_address("10.0.1." + std::to_string(number)).value();
}

}  // namespace

TEST_CASE("half of all services over two hosts within a second: our own network is suspected [E67]",
          "[suspicion]") {
    NetworkSuspicion suspicion;
    suspicion.on_silence(1, host(1), 2s, t0);
    CHECK_FALSE(suspicion.begins(4, t0));
    CHECK_FALSE(suspicion.hold_until(t0));
    suspicion.on_silence(2, host(2), 3s, t0 + 900ms);
    CHECK(suspicion.begins(4, t0 + 900ms));
    CHECK(suspicion.services() == 2);
    CHECK(suspicion.hosts() == 2);
    CHECK(suspicion.round() == 3s);
    CHECK(suspicion.hold_until(t0 + 900ms) == t0 + 3900ms);
    CHECK_FALSE(suspicion.begins(4, t0 + 900ms));  // once
    CHECK(suspicion.hold_until(t0 + 2s) == t0 + 5s);
    CHECK_FALSE(suspicion.hold_until(t0 + 3900ms));
}

TEST_CASE("a single service, however many hosts, is never suspected [E67]", "[suspicion]") {
    NetworkSuspicion suspicion;
    for (int i = 1; i <= 9; ++i) suspicion.on_silence(1, host(i), 2s, t0);
    CHECK_FALSE(suspicion.begins(1, t0));
}

TEST_CASE("one machine that all services share is a machine, not our network [E67]", "[suspicion]") {
    NetworkSuspicion suspicion;
    for (ServiceId id = 1; id <= 9; ++id) suspicion.on_silence(id, host(1), 2s, t0);
    CHECK_FALSE(suspicion.begins(9, t0));
}

TEST_CASE("less than half of the services, or over more than a second, is chance [E67]", "[suspicion]") {
    NetworkSuspicion suspicion;
    suspicion.on_silence(1, host(1), 2s, t0);
    suspicion.on_silence(2, host(2), 2s, t0);
    CHECK_FALSE(suspicion.begins(5, t0));
    suspicion.on_silence(3, host(3), 2s, t0 + 1001ms);
    CHECK_FALSE(suspicion.begins(4, t0 + 1001ms));
}
