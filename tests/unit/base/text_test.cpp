// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include "proxy/show/terminal.hpp"
#include "proxy/sidecar/privileges.hpp"

#include <catch2/catch.hpp>

using namespace reseat::proxy;
using namespace std::chrono_literals;

TEST_CASE("durations read well", "[text]") {
    CHECK(human(900us) == "0.9 ms");
    CHECK(human(120ms) == "120 ms");
    CHECK(human(1200ms) == "1.2 s");
    CHECK(human(3min) == "3 min");
    CHECK(human(72h) == "3 d");
}

TEST_CASE("what a peer sent cannot forge a line", "[text]") {
    CHECK(one_line("HTTP 503\r\nreseat: ok\033[2J") == "HTTP 503  reseat: ok [2J");
}

TEST_CASE("a table aligns its columns and shortens only what may be shortened", "[terminal]") {
    Table table({{"NAME"}, {"N", true}, {"DETAIL", false, true}});
    table.add({"a", "7", "short"});
    table.add({"long-name", "1000", "a rather long explanation"});
    CHECK(table.render(0, false) ==
          "NAME          N  DETAIL\n"
          "a             7  short\n"
          "long-name  1000  a rather long explanation\n");
    CHECK(table.render(30, false) ==
          "NAME          N  DETAIL\n"
          "a             7  short\n"
          "long-name  1000  a rather lon…\n");
}

TEST_CASE("colours surround the text, not the padding", "[terminal]") {
    Table table({{"STATE"}, {"X"}});
    table.add({{"up", Colour::good}, "y"});
    CHECK_THAT(table.render(0, true), Catch::Contains("\033[32mup\033[0m     y"));
}

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

TEST_CASE("a time is read back as it was written, and nothing else is one", "[text]") {
    const auto at = parse_iso8601("2026-11-22T15:00:00.123Z");
    REQUIRE(at);
    CHECK(iso8601(*at) == "2026-11-22T15:00:00.000Z");
    CHECK(parse_iso8601("2026-11-22T15:00:00") == at);
    for (const char* wrong :
         {"", "2026-11-22", "15:00", "2026-11-22T15:00:00+01:00", "2026-11-22T15:00:00Zx"})
        CHECK_FALSE(parse_iso8601(wrong));
}

TEST_CASE("counts take the plural that they need", "[text]") {
    CHECK(counted(0, "socket") == "0 sockets");
    CHECK(counted(1, "socket") == "1 socket");
    CHECK(counted(2, "open socket") == "2 open sockets");
}
