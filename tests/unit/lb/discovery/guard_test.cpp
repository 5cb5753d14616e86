// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/guard.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

#include <fmt/format.h>

#include <algorithm>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Endpoint number(unsigned i) {
    return at(fmt::format("10.0.{}.{}:80", i / 250, 1 + i % 250));
}

Assignment some(unsigned first, unsigned count, Standing standing = Standing::ready) {
    Assignment said{.known = Assignment::Known::present};
    for (unsigned i = first; i < first + count; ++i)
        said.endpoints.push_back({.endpoint = number(i), .standing = standing});
    return said;
}

/// Steps a guard by hand.
struct Guarded {
    Guard guard;
    GuardSettings settings;
    TimePoint now = kNow;
    std::set<Endpoint> failing;
    Guard::Step last;

    const Guard::Step& say(const Assignment& said) {
        said_ = said;
        return last = guard.step(said, settings, now, failing);
    }
    const Guard::Step& later(Duration wait) {
        now += wait;
        return say(said_);
    }
    std::size_t serve() const { return last.endpoints.size(); }
    std::size_t held() const {
        return static_cast<std::size_t>(std::ranges::count(last.endpoints, true, &ServedEndpoint::held));
    }

private:
    Assignment said_;
};

}  // namespace

TEST_CASE("most endpoints vanish unannounced: they are held, for as long as `hold` [F14]", "[guard]") {
    Guarded web;
    web.say(some(0, 50));
    web.say(some(0, 2));
    CHECK(web.serve() == 50);
    CHECK(web.held() == 48);
    REQUIRE(web.last.news.size() == 1);
    CHECK(web.last.news[0].guarded);
    CHECK(web.last.news[0].count == 48);
    CHECK(web.last.news[0].of == 50);
    web.later(9min);
    CHECK(web.held() == 48);
    CHECK(web.last.news.empty());
    web.later(1min);
    CHECK(web.serve() == 2);
    REQUIRE(web.last.news.size() == 1);
    CHECK_FALSE(web.last.news[0].guarded);
}

TEST_CASE("most endpoints vanish after they were leaving or unready: they go at once [F15]", "[guard]") {
    const Standing announced = GENERATE(Standing::leaving, Standing::unready);
    Guarded web;
    web.say(some(0, 50));
    Assignment leaving = some(0, 2);
    for (const auto& one : some(2, 48, announced).endpoints) leaving.endpoints.push_back(one);
    web.say(leaving);
    CHECK(web.serve() == 50);
    web.now += 10s;
    web.say(some(0, 2));
    CHECK(web.serve() == 2);
    CHECK(web.last.news.empty());
}

TEST_CASE("an announcement counts for 30 s after it was taken back", "[guard]") {
    Guarded web;
    web.say(some(0, 1, Standing::unready));
    web.say(some(0, 1));
    SECTION("within") {
        web.now += 29s;
        CHECK(web.say(some(0, 0)).endpoints.empty());
    }
    SECTION("later") {
        web.now += 31s;
        web.say(some(0, 0));
        CHECK(web.held() == 1);
    }
}

TEST_CASE("what fails its check goes at once, held or not", "[guard]") {
    Guarded web;
    web.say(some(0, 4));
    web.failing = {number(0)};
    web.say(some(0, 0));
    CHECK(web.held() == 3);
    web.failing = {number(1), number(2)};
    web.later(1s);
    CHECK(web.held() == 1);
    web.failing = {number(3)};
    web.later(1s);
    CHECK(web.serve() == 0);
    REQUIRE(web.last.news.size() == 1);
    CHECK(web.last.news[0].why == "they fail their checks");
}

TEST_CASE("a forced deletion of the only endpoint is held while it answers", "[guard]") {
    Guarded one;
    one.say(some(0, 1));
    one.say(some(0, 0));
    CHECK(one.held() == 1);
}

TEST_CASE("others in their place are successors, not a loss", "[guard]") {
    Guarded blue;
    blue.say(some(0, 50));
    blue.say(some(100, 50));
    CHECK(blue.serve() == 100);
    CHECK(blue.held() == 0);
    blue.later(kAbsence);
    CHECK(blue.serve() == 50);
    CHECK(blue.last.news.empty());
}

TEST_CASE("at exactly half nothing is held: the checks know", "[guard]") {
    Guarded web;
    web.say(some(0, 50));
    web.say(some(0, 25));
    CHECK(web.held() == 0);
    CHECK(web.last.next == web.now + kAbsence);
    web.later(kAbsence);
    CHECK(web.serve() == 25);
}

TEST_CASE("an endpoint that is in no slice for a moment does not go [F02]", "[guard]") {
    Guarded web;
    web.say(some(0, 10));
    web.say(some(1, 9));
    CHECK(web.serve() == 10);
    web.later(900ms);
    CHECK(web.serve() == 10);
    web.say(some(0, 10));
    web.later(5s);
    CHECK(web.serve() == 10);
    CHECK(web.held() == 0);
}

TEST_CASE("a loss in pieces within a second is one loss", "[guard]") {
    Guarded web;
    web.say(some(0, 50));
    for (unsigned left = 40; left > 0; left -= 10) {
        web.now += 100ms;
        web.say(some(0, left));
    }
    CHECK(web.held() == 40);
    CHECK(web.serve() == 50);
}

TEST_CASE("held endpoints go when enough others are ready, or as the operator says", "[guard]") {
    Guarded web;
    web.say(some(0, 50));
    web.say(some(0, 0));
    REQUIRE(web.held() == 50);
    SECTION("others") {
        web.say(some(100, 24));
        CHECK(web.held() == 50);
        web.say(some(100, 25));
        CHECK(web.serve() == 25);
        CHECK(web.last.news.at(0).why == "enough others are ready");
    }
    SECTION("accepted") {
        CHECK(web.guard.accept() == 50);
        web.later(0s);
        CHECK(web.serve() == 0);
        CHECK(web.last.news.at(0).why == "the operator accepted it");
        CHECK(web.guard.accept() == 0);
    }
    SECTION("they are named again") {
        web.say(some(0, 50));
        CHECK(web.serve() == 50);
        CHECK(web.held() == 0);
    }
}

TEST_CASE("a held address that turns up as another one is that one", "[guard]") {
    Guarded web;
    Assignment first = some(0, 1);
    first.endpoints[0].incarnation = "a";
    web.say(first);
    web.say(some(0, 0));
    REQUIRE(web.held() == 1);
    first.endpoints[0].incarnation = "b";
    web.say(first);
    CHECK(web.held() == 0);
    CHECK(web.last.endpoints.at(0).is.incarnation == "b");
}

TEST_CASE("an empty source at the first contact ever is the truth [F16]", "[guard]") {
    Guarded web;
    CHECK(web.say(some(0, 0)).endpoints.empty());
    CHECK(web.last.news.empty());
}

TEST_CASE("what a previous process knew serves until the source answers, and is then compared [F17, F40]",
          "[guard]") {
    Guarded web;
    web.guard.inherit(some(0, 50).endpoints);
    web.say({});
    CHECK(web.serve() == 50);
    web.say(some(0, 1));
    CHECK(web.held() == 49);
}

TEST_CASE("100 percent or no hold turn the guard off", "[guard]") {
    Guarded web;
    web.settings = GENERATE(GuardSettings{.percent = 100}, GuardSettings{.hold = 0s});
    web.say(some(0, 50));
    web.say(some(0, 0));
    CHECK(web.held() == 0);
    web.later(kAbsence);
    CHECK(web.serve() == 0);
}
