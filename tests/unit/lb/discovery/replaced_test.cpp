// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/names.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

#include <algorithm>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// One service of the targets of SRV records.
struct Targets {
    const std::vector<Service> services = {with_names("one", {named_srv("_pg._tcp.test")})};
    Names names;
    TimePoint now = kNow;

    Targets() { names.follow(services, kNow); }

    void says(const Lookup& lookup, Query query, Found found) {
        names.take_due(now);
        names.on_answer(lookup, query, std::move(found), now, kClock, 0);
        names.take_due(now);
    }
    /// What the SRV records are from now on.
    void are(const std::vector<std::string>& targets) {
        now += 1s;
        std::vector<SrvRecord> records;
        for (const auto& target : targets) records.push_back({0, 1, 5432, target});
        says({"_pg._tcp.test", RecordType::srv}, Query::srv, srv_records(1s, records));
    }
    void a(const std::string& target, Found found) { says({target}, Query::a, std::move(found)); }
    void aaaa(const std::string& target, Found found) { says({target}, Query::aaaa, std::move(found)); }
    void v4(const std::string& target, const std::string& address) {
        a(target, records(1s, {address}));
        aaaa(target, none("it has no AAAA record"));
    }

    Texts serve() const {
        Texts texts;
        const auto views = names.view(services);
        for (const auto& one : views[0].endpoints) texts.push_back(to_string(one.endpoint.address));
        return texts;
    }
};

const Texts kOld = {"10.0.0.1", "10.0.0.2"};

/// Two targets that serve, and of which DNS then says that there are two others.
Targets replaced() {
    Targets targets;
    targets.are({"n0.", "n1."});
    targets.v4("n0.", "10.0.0.1");
    targets.v4("n1.", "10.0.0.2");
    CHECK(targets.serve() == kOld);
    targets.are({"n2.", "n3."});
    return targets;
}

}  // namespace

TEST_CASE("targets that are replaced all at once serve until the addresses of the new ones are known [E75]",
          "[discovery]") {
    Targets targets = replaced();
    CHECK(targets.serve() == kOld);
    targets.v4("n2.", "10.0.0.3");
    CHECK(targets.serve() == Texts{"10.0.0.1", "10.0.0.2", "10.0.0.3"});  // the other one is not known yet
    targets.v4("n3.", "10.0.0.4");
    CHECK(targets.serve() == Texts{"10.0.0.3", "10.0.0.4"});
}

TEST_CASE("a lost AAAA does not delay the change of those that have A [E75]", "[discovery]") {
    Targets targets = replaced();
    targets.a("n2.", records(1s, {"10.0.0.3"}));
    targets.a("n3.", records(1s, {"10.0.0.4"}));
    CHECK(targets.serve() == Texts{"10.0.0.3", "10.0.0.4"});
    targets.aaaa("n2.", failed("no answer"));
    targets.aaaa("n3.", failed("no answer"));
    CHECK(targets.serve() == Texts{"10.0.0.3", "10.0.0.4"});
    // The old ones are forgotten: nobody waits for the answer that is on its way.
    CHECK_FALSE(
        targets.names.on_answer({"n0."}, Query::a, records(1s, {"10.0.0.9"}), targets.now, kClock, 0));
}

TEST_CASE("each family serves until the new one of it is known [E75]", "[discovery]") {
    Targets targets;
    targets.are({"n0."});
    targets.a("n0.", records(1s, {"10.0.0.1"}));
    targets.aaaa("n0.", records(1s, {"fd00::1"}));
    targets.are({"n1."});
    targets.a("n1.", records(1s, {"10.0.0.2"}));
    CHECK(targets.serve() == Texts{"10.0.0.2", "fd00::1"});
    SECTION("it has one") {
        targets.aaaa("n1.", records(1s, {"fd00::2"}));
        CHECK(targets.serve() == Texts{"10.0.0.2", "fd00::2"});
    }
    SECTION("it has none") {
        targets.aaaa("n1.", none("it has no AAAA record"));
        CHECK(targets.serve() == Texts{"10.0.0.2"});
    }
    SECTION("nobody says") {
        targets.aaaa("n1.", failed());
        CHECK(targets.serve() == Texts{"10.0.0.2", "fd00::1"});
    }
}

TEST_CASE("as long as no new target has an address, the old ones serve [E75]", "[discovery]") {
    for (const Found& bad : {failed(), none("it has no A record"), no_such_name()}) {
        Targets targets = replaced();
        for (const auto* target : {"n2.", "n3."}) {
            targets.a(target, bad);
            targets.aaaa(target, none("it has no AAAA record"));
        }
        CHECK(targets.serve() == kOld);
        CHECK_FALSE(targets.names.view(targets.services)[0].error.empty());
        targets.now += 1s;
        targets.v4("n2.", "10.0.0.3");
        CHECK(targets.serve() == Texts{"10.0.0.3"});  // nothing is to be expected of the other one
    }
}

TEST_CASE("one that fails beside one that is known keeps nobody [E75]", "[discovery]") {
    Targets targets = replaced();
    targets.v4("n2.", "10.0.0.3");
    targets.a("n3.", failed());
    targets.aaaa("n3.", failed());
    CHECK(targets.serve() == Texts{"10.0.0.3"});
}

TEST_CASE("several changes in a row give up nothing that serves [E75]", "[discovery]") {
    Targets targets = replaced();
    targets.are({"n4."});
    targets.are({"n5."});
    CHECK(targets.serve() == kOld);
    targets.are({"n1.", "n6."});  // one of the first is back
    CHECK(targets.serve() == kOld);
    targets.v4("n6.", "10.0.0.7");
    CHECK(targets.serve() == Texts{"10.0.0.2", "10.0.0.7"});
}

TEST_CASE("another port, weight or priority of a known target counts at once [E75]", "[discovery]") {
    Targets targets;
    targets.are({"n0."});
    targets.v4("n0.", "10.0.0.1");
    targets.now += 1s;
    targets.says({"_pg._tcp.test", RecordType::srv}, Query::srv, srv_records(1s, {{5, 7, 6432, "n0."}}));
    const std::vector<NamedEndpoint> now = targets.names.view(targets.services)[0].endpoints;
    REQUIRE(now.size() == 1);
    CHECK(now[0].endpoint == at("10.0.0.1:6432"));
    CHECK(now[0].srv == SrvRecord{5, 7, 6432, "n0."});
}

TEST_CASE("what is new is told with both families, or a moment later with one", "[discovery]") {
    const std::vector<Service> services = {with_names("one", {named("pg.test")})};
    Names names;
    names.follow(services, kNow);
    names.take_due(kNow);
    CHECK_FALSE(names.news_at());
    names.on_answer({"pg.test"}, Query::a, records(1s, {"10.0.0.1"}), kNow, kClock, 0);
    CHECK(names.news_at() == kNow + kResolutionDelay);
    CHECK_FALSE(names.answered(services, kNow));
    CHECK(names.unanswered(services, kNow) == Texts{"pg.test"});
    SECTION("the other one comes") {
        names.on_answer({"pg.test"}, Query::aaaa, none("it has no AAAA record"), kNow + 5ms, kClock, 0);
        CHECK(names.news_at() == kNow + 5ms);
        CHECK(names.answered(services, kNow + 5ms));
    }
    SECTION("it does not, and is not waited for at the next change either") {
        names.told();
        CHECK(names.answered(services, kNow + kResolutionDelay));
        CHECK(names.take_due(kNow + 1s) == std::vector<Question>{{{"pg.test"}, {Query::a}}});
        names.on_answer({"pg.test"}, Query::a, records(1s, {"10.0.0.2"}), kNow + 1s, kClock, 0);
        CHECK(names.news_at() == kNow + 1s + kResolutionDelay);
    }
}
