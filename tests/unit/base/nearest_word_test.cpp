// SPDX-License-Identifier: Apache-2.0
#include "base/nearest_word.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;

TEST_CASE("a name that does not exist is answered with the nearest one, else with those that do", "[text]") {
    using Words = std::vector<std::string_view>;
    CHECK(did_you_mean_one_of("postgers", {"web", "postgres"}) == "; did you mean 'postgres'?");
    CHECK(did_you_mean_one_of("nosuch", {}) == "; there is none");
    CHECK(did_you_mean_one_of("nosuch", {"web"}) == "; there is only web");
    CHECK(did_you_mean_one_of("nosuch", {"web", "dns", "dns"}) == "; there are dns and web");
    CHECK(did_you_mean_one_of("nosuch", {"web", "dns", "pg"}) == "; there are dns, pg and web");
    const Words nine = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    CHECK(did_you_mean_one_of("nosuch", nine) == "; there are a, b, c, d, e, f, g, h and i");
    const Words ten = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    CHECK(did_you_mean_one_of("nosuch", ten) == "; there are a, b, c, d, e, f, g, h and 2 more");
    CHECK(did_you_mean("nosuch", ten).empty());
}
