// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
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
