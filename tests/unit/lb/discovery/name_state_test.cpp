// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

#include <algorithm>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// A name, and a clock that stands still.
struct Name {
    Lookup lookup{"pg.test"};
    NameState state{lookup, kNow};
    double random = 0;

    /// One answer to each question.
    bool hears(Answer answer, TimePoint now = kNow) {
        state.ask();
        bool news = false;
        const auto queries = queries_of(lookup);
        for (std::size_t i = 0; i < answer.size(); ++i) news |= hears(queries[i], answer[i], now);
        return news;
    }
    bool hears(Query query, Found found, TimePoint now = kNow) {
        return state.on_answer(query, std::move(found), now, kClock, random);
    }
    Duration pause() const { return state.next() - kNow; }
    std::vector<std::string> has() const {
        std::vector<std::string> texts;
        for (const Address& address : state.addresses()) texts.push_back(to_string(address));
        return texts;
    }
};

}  // namespace

TEST_CASE("a name is asked for at once, and has nothing before an answer", "[discovery]") {
    const Name name;
    CHECK(name.pause() == 0s);
    CHECK_FALSE(name.state.answered(kNow));
    CHECK_FALSE(name.state.has_records());
}

TEST_CASE("the addresses of both families are a name's, sorted and each once", "[discovery]") {
    Name name;
    CHECK(name.hears({records(30s, {"10.0.0.2", "10.0.0.1", "10.0.0.2"}), records(20s, {"fd00::1"})}));
    CHECK(name.has() == Texts{"10.0.0.1", "10.0.0.2", "fd00::1"});
    CHECK(name.state.error().empty());
    CHECK(name.state.good_at() == kClock);
    CHECK(name.pause() == 20s);
}

TEST_CASE("the TTL says when a name is asked again, between 1 s and 5 min", "[discovery]") {
    for (const auto& [ttl, pause] : std::vector<std::pair<Duration, Duration>>{
             {0s, 1s}, {1s, 1s}, {7s, 7s}, {300s, 300s}, {301s, 300s}, {24h, 300s}}) {
        Name name;
        name.hears(v4_only(ttl, {"10.0.0.1"}));
        CHECK(name.pause() == pause);
    }
}

TEST_CASE("the same records in another order are no news", "[discovery]") {
    Name name;
    name.hears(v4_only(30s, {"10.0.0.1", "10.0.0.2"}));
    CHECK_FALSE(name.hears(v4_only(30s, {"10.0.0.2", "10.0.0.1"})));
    CHECK(name.hears(v4_only(30s, {"10.0.0.2", "10.0.0.3"})));
    CHECK(name.has() == Texts{"10.0.0.2", "10.0.0.3"});
}

TEST_CASE("a family that DNS has no records of any more is gone while the other one is there",
          "[discovery]") {
    Name name;
    name.hears({records(30s, {"10.0.0.1"}), records(30s, {"fd00::1"})});
    CHECK(name.hears(v4_only(30s, {"10.0.0.1"})));
    CHECK(name.has() == Texts{"10.0.0.1"});
    CHECK(name.hears({none("it has no A record"), records(30s, {"fd00::1"})}));
    CHECK(name.has() == Texts{"fd00::1"});
    CHECK(name.state.error().empty());
}

TEST_CASE("a family whose question failed keeps its last good records; the other one changes",
          "[discovery]") {
    Name name;
    name.hears({records(30s, {"10.0.0.1"}), records(30s, {"fd00::1"})});
    CHECK(name.hears({records(30s, {"10.0.0.2"}), failed("SERVFAIL")}));
    CHECK(name.state.addresses().size() == 2);
    CHECK(name.state.error() == "AAAA: SERVFAIL");
    CHECK(name.hears({failed("SERVFAIL"), records(30s, {"fd00::2"})}) == true);
    CHECK(name.state.addresses() == Addresses{ip("10.0.0.2"), ip("fd00::2")});
    CHECK(name.state.error() == "A: SERVFAIL");
}

TEST_CASE("when DNS fails, or says that there is nothing, the last good records stay", "[discovery]") {
    for (const Answer& bad :
         {Answer{failed(), failed()}, Answer{none(), none()}, Answer{none(), failed()},
          Answer{records(30s, {"0.0.0.0"}), none()}, Answer{none(), records(30s, {"ff02::1"})}}) {
        Name name;
        name.hears(v4_only(30s, {"10.0.0.1"}));
        CHECK(name.hears(bad));
        CHECK(name.has() == Texts{"10.0.0.1"});
        CHECK_FALSE(name.state.error().empty());
        CHECK_FALSE(name.hears(bad));  // still so: no news
        CHECK(name.hears(v4_only(30s, {"10.0.0.1"})));
        CHECK(name.state.error().empty());
    }
}

TEST_CASE("a failed question is asked again after 1, 2, 4 ... 30 s, and not later than the TTL",
          "[discovery]") {
    Name name;
    name.hears(v4_only(60s, {"10.0.0.1"}));
    for (const Duration pause : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
        name.hears({failed(), failed()});
        CHECK(name.pause() == pause);
    }
    name.hears(v4_only(60s, {"10.0.0.1"}));
    CHECK(name.pause() == 60s);
    name.hears({none(), none()});
    CHECK(name.pause() == 1s);
    for (int i = 0; i < 6; ++i) name.hears({records(3s, {"10.0.0.1"}), failed()});
    CHECK(name.pause() == 3s);
}

TEST_CASE("up to a fifth is taken off such a pause by chance", "[discovery]") {
    for (const auto& [random, pause] :
         std::vector<std::pair<double, Duration>>{{0, 1000ms}, {0.5, 900ms}, {0.999, 800ms}}) {
        Name name{.lookup = {"pg.test"}, .random = random};
        name.hears({failed(), failed()});
        CHECK(std::chrono::abs(name.pause() - pause) < 1ms);
    }
}

TEST_CASE("one in a hurry is asked at once, or again when the answer to come is there", "[discovery]") {
    Name name;
    name.hears(v4_only(60s, {"10.0.0.1"}));
    name.state.hurry(kNow + 5s);
    CHECK(name.pause() == 5s);
    name.state.ask();
    name.state.hurry(kNow + 6s);
    name.hears(Query::a, records(60s, {"10.0.0.1"}), kNow + 7s);
    CHECK(name.pause() == 7s);
    name.hears(v4_only(60s, {"10.0.0.1"}));
    CHECK(name.pause() == 60s);
}

TEST_CASE("of thousands of addresses a thousand are taken, always the same ones", "[discovery]") {
    Found many{.outcome = Found::Outcome::records, .ttl = 30s};
    for (unsigned i = 0; i < 4000; ++i)
        many.addresses.push_back(
            Address::v4({10, 0, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i % 256)}));
    Found turned = many;
    std::rotate(turned.addresses.begin(), turned.addresses.begin() + 1999, turned.addresses.end());
    Name name;
    name.hears({many, none()});
    CHECK(name.state.addresses().size() == kMaxNameAddresses);
    CHECK(name.state.left_out() == 4000 - kMaxNameAddresses);
    CHECK_FALSE(name.hears({turned, none()}));
}

TEST_CASE("SRV records are kept likewise, the preferred ones where there are too many", "[discovery]") {
    Name name{.lookup = {"_pg._tcp.test", RecordType::srv}};
    CHECK(name.hears(
        {srv_records(30s, {{10, 1, 80, "a."}, {0, 1, 80, "b."}, {0, 1, 0, "c."}, {0, 1, 80, "."}})}));
    CHECK(name.state.srv() == std::vector<SrvRecord>{{0, 1, 80, "b."}, {10, 1, 80, "a."}});
    CHECK(name.hears({none()}));
    CHECK(name.state.srv().size() == 2);
    CHECK(name.state.error() == "no such name (NXDOMAIN)");
    CHECK_FALSE(name.hears({srv_records(30s, {{0, 0, 80, "."}})}));
    CHECK(name.state.error() == "no record can be used");
    std::vector<SrvRecord> many;
    for (unsigned i = 0; i < 1000; ++i)
        many.push_back({static_cast<std::uint16_t>(1000 - i), 1, 80, std::to_string(i) + "."});
    name.hears({srv_records(30s, many)});
    CHECK(name.state.srv().size() == kMaxSrvTargets);
    CHECK(name.state.srv().front().priority == 1);
}

TEST_CASE("the records of one family are there, and asked for again, while the other one is not answered",
          "[discovery]") {
    Name name;
    name.state.ask();
    CHECK(name.state.waits());
    CHECK(name.hears(Query::a, records(1s, {"10.0.0.1"})));
    CHECK(name.has() == Texts{"10.0.0.1"});
    CHECK(name.state.error().empty());
    CHECK_FALSE(name.state.waits());
    CHECK(name.pause() == 1s);
    CHECK(name.state.ask() == std::vector{Query::a});  // the other one is on its way still
    CHECK(name.hears(Query::a, records(1s, {"10.0.0.2"}), kNow + 1s));
    CHECK(name.has() == Texts{"10.0.0.2"});
    CHECK(name.hears(Query::aaaa, failed("no answer"), kNow + 3s));
    CHECK(name.has() == Texts{"10.0.0.2"});
    CHECK(name.state.error() == "AAAA: no answer");
    CHECK(name.state.ask().size() == 2);
    CHECK(name.hears(Query::a, records(60s, {"10.0.0.3"}), kNow + 4s));
    CHECK(name.pause() == 64s);  // the failure of the other one is no reason to ask for this one sooner
    CHECK_FALSE(name.hears(Query::a, records(1s, {"10.0.0.9"})));  // nobody asked
}

TEST_CASE("a name is answered when each family is, or a moment after the first that has records",
          "[discovery]") {
    Name name;
    name.state.ask();
    name.hears(Query::aaaa, none("it has no AAAA record"));
    CHECK_FALSE(name.state.answered(kNow + 1h));
    name.hears(Query::a, records(30s, {"10.0.0.1"}));
    CHECK(name.state.answered(kNow));
    Name half;
    half.state.ask();
    half.hears(Query::a, records(30s, {"10.0.0.1"}));
    CHECK_FALSE(half.state.answered(kNow + kResolutionDelay - 1ms));
    CHECK(half.state.answered(kNow + kResolutionDelay));
}

TEST_CASE("a family goes only when the other one was heard, too", "[discovery]") {
    Name name;
    name.hears({records(30s, {"10.0.0.1"}), records(30s, {"fd00::1"})});
    name.state.ask();
    CHECK_FALSE(name.hears(Query::a, none("it has no A record")));
    CHECK(name.has() == Texts{"10.0.0.1", "fd00::1"});
    SECTION("it has records") {
        CHECK(name.hears(Query::aaaa, records(30s, {"fd00::1"})));
        CHECK(name.has() == Texts{"fd00::1"});
    }
    SECTION("it has none: nothing is known any more, and nothing goes") {
        CHECK(name.hears(Query::aaaa, none()));
        CHECK(name.has() == Texts{"10.0.0.1", "fd00::1"});
    }
    SECTION("its question fails") {
        CHECK(name.hears(Query::aaaa, failed()));
        CHECK(name.has() == Texts{"10.0.0.1", "fd00::1"});
    }
}

TEST_CASE("a name of one family is asked for that one alone", "[discovery]") {
    Name v4{.lookup = {"pg.test", RecordType::address, NameFamily::ipv4}};
    CHECK(v4.state.ask() == std::vector{Query::a});
    v4.hears(Query::a, records(30s, {"10.0.0.1"}));
    CHECK(v4.state.answered(kNow));
    CHECK(v4.state.answered(Family::v6));
    CHECK_FALSE(v4.state.failed(Family::v6));
    CHECK(queries_of({"pg.test", RecordType::address, NameFamily::ipv6}) == std::vector{Query::aaaa});
}
