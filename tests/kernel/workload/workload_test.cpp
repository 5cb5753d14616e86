// SPDX-License-Identifier: Apache-2.0
#include "proxy/workload/workload.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::proxy;

TEST_CASE("a cgroup that does not exist is named", "[kernel][workload]") {
    const auto found = find_workload("/nowhere/at/all");
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().code == reseat::ErrorCode::failed);
    CHECK_THAT(found.error().message, Catch::Contains("/nowhere/at/all does not exist"));
}

TEST_CASE("a directory elsewhere is no cgroup", "[kernel][workload]") {
    const auto found = find_workload("/tmp");
    REQUIRE_FALSE(found.has_value());
    CHECK_THAT(found.error().message, Catch::Contains("/tmp is not a cgroup2 directory"));
}

TEST_CASE("a file is no cgroup", "[kernel][workload]") {
    const auto found = find_workload("/proc/self/status");
    REQUIRE_FALSE(found.has_value());
    CHECK_THAT(found.error().message, Catch::Contains("is not a cgroup2 directory"));
}

TEST_CASE("a slice's name is looked for where systemd puts it", "[kernel][workload]") {
    const auto found = find_workload("nowhere-at-all.slice");
    REQUIRE_FALSE(found.has_value());
    CHECK_THAT(found.error().message,
               Catch::Contains("/nowhere.slice/nowhere-at.slice/nowhere-at-all.slice)"));
}
