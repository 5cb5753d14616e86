// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"

#include "lb/health/probe/probe_socket.hpp"
#include "tests/support/catch.hpp"

using namespace reseat;

TEST_CASE("what is shown cannot steer the terminal, forge a line or turn its order round", "[text]") {
    CHECK(printable("all is well, naïve ☂ 𝄞") == "all is well, naïve ☂ 𝄞");
    CHECK(printable("a\r\nb\tc\x7f\033[2J") == "a??b?c??[2J");
    CHECK(printable("csi \xc2\x9b 31m, nel \xc2\x85.") == "csi ? 31m, nel ?.");
    CHECK(printable("gpj.\u202eexe \u2066x\u2069 \u2028\u200f") == "gpj.?exe ?x? ??");
    CHECK(printable(std::string_view("nul \0.", 6), ' ') == "nul  .");
}

TEST_CASE("what is shown is UTF-8, whatever it was", "[text]") {
    CHECK(printable("\x9b\xff") == "??");
    CHECK(printable("cut \xe2\x98") == "cut ??");
    CHECK(printable("overlong \xc0\xaf, surrogate \xed\xa0\x80, beyond \xf4\x90\x80\x80") ==
          "overlong ??, surrogate ???, beyond ????");
    CHECK(printable("\xe2\x98☂") == "??☂");
    CHECK(printable("").empty());
}

TEST_CASE("a text is cut between characters", "[text]") {
    CHECK(beginning("abc", 3) == "abc");
    CHECK(beginning("abcd", 3) == "abc");
    CHECK(beginning("ab☂", 4) == "ab");
    CHECK(beginning("ab☂", 5) == "ab☂");
    CHECK(beginning("a𝄞b", 4) == "a");
    CHECK(beginning("☂", 0).empty());
    CHECK(beginning("\x80\x80\x80\x80\x80\x80", 4).size() == 4);
    CHECK(lb::abbreviated(std::string(79, 'x') + "é") == std::string(79, 'x') + "...");
    CHECK(lb::abbreviated(std::string(80, 'x')) == std::string(80, 'x'));
}
