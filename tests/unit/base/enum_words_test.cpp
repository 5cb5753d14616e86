// SPDX-License-Identifier: Apache-2.0
#include "base/enum_words.hpp"

#include "tests/support/catch.hpp"

namespace reseat {
namespace {

BOOST_DEFINE_ENUM_CLASS(Gear, auto_, first, second_best)

TEST_CASE("the word of an enumerator is its name, without the underscore behind it", "[base]") {
    CHECK(word_of(Gear::auto_) == "auto");
    CHECK(word_of(Gear::second_best) == "second_best");
    CHECK(word_of(static_cast<Gear>(7)) == "unknown");
    CHECK(enumerators<Gear>() == std::array{Gear::auto_, Gear::first, Gear::second_best});
}

}  // namespace
}  // namespace reseat
