// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/terminal.hpp"

#include "tests/support/catch.hpp"

using namespace reseat::proxy;

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
