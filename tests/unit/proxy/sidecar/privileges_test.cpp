// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/privileges.hpp"

#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace reseat::proxy;

TEST_CASE("missing capabilities are named", "[privileges]") {
    const auto root = parse_effective("Name:\tx\nCapInh:\t0\nCapEff:\t000001ffffffffff\n");
    REQUIRE(root);
    CHECK(missing_capabilities(*root).empty());
    CHECK(missing_capabilities(0) == std::vector<std::string>{"CAP_BPF", "CAP_NET_ADMIN"});
    CHECK(missing_capabilities(1ull << 39) == std::vector<std::string>{"CAP_NET_ADMIN"});
    CHECK(missing_capabilities(1ull << 21 | 1ull << 12).empty());
    CHECK_FALSE(parse_effective("CapEff:\tnonsense\n"));
}

TEST_CASE("optional capabilities are held or not, and CAP_SYS_ADMIN does for CAP_PERFMON [E82]",
          "[privileges]") {
    const auto held = [](Capabilities effective) {
        std::string names;
        for (const auto& one : optional_capabilities(effective)) {
            CHECK_FALSE(one.without.empty());
            if (one.held) names += std::string(one.name) + " ";
        }
        return names;
    };
    CHECK(held(1ull << 39 | 1ull << 12) == "");
    CHECK(held(1ull << 38) == "CAP_PERFMON ");
    CHECK(held(1ull << 19) == "CAP_SYS_PTRACE ");
    CHECK(held(1ull << 21) == "CAP_PERFMON CAP_SYS_ADMIN ");
}
