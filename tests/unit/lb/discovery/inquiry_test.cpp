// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/inquiry.hpp"

#include "lb/discovery/search_path.hpp"
#include "lb/discovery/server_order.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/support.hpp"

#include <map>
#include <random>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

Found silence(std::string server = "x") {
    return {.silent = true, .reason = "no answer from " + std::move(server)};
}

/// A name on its way through servers that say what they are told to.
struct Asking {
    Inquiry inquiry;
    ServerOrder servers{2};
    TimePoint now = kNow;
    Texts asked;  ///< "A one. 0": type, name and server
    std::map<Query, Found> answers;

    explicit Asking(std::vector<std::string> names, Question question = {{"pg"}, {Query::a, Query::aaaa}})
        : inquiry(std::move(question), std::move(names)) {}

    /// What is asked now.
    Texts step() {
        asked.clear();
        for (const Ask& ask : inquiry.take_asks(now, servers.order(now)))
            asked.push_back((ask.query == Query::a      ? "A "
                             : ask.query == Query::aaaa ? "AAAA "
                                                        : "SRV ") +
                            inquiry.name(ask) + " " + std::to_string(ask.server));
        return asked;
    }
    void reply(std::size_t server, std::size_t name, Query query, Found found) {
        if (!found.silent) servers.on_answer(server);
        for (const auto slow : inquiry.on_reply({server, name, query}, std::move(found)))
            servers.on_overtaken(slow, now);
        for (auto& [of, answer] : inquiry.take_answers()) answers[of] = answer;
    }
    Texts has(Query query) const {
        Texts texts;
        for (const Address& address : answers.at(query).addresses) texts.push_back(to_string(address));
        return texts;
    }
};

}  // namespace

TEST_CASE("a name is looked for in the search domains first, or last where it has dots enough",
          "[discovery]") {
    const SearchPath path{{"ns.svc.test", "svc.test."}, 2};
    CHECK(full_names("pg.other", path) == Texts{"pg.other.ns.svc.test.", "pg.other.svc.test.", "pg.other."});
    CHECK(full_names("pg.other.test", path) ==
          Texts{"pg.other.test.", "pg.other.test.ns.svc.test.", "pg.other.test.svc.test."});
    CHECK(full_names("pg.", path) == Texts{"pg."});
    CHECK(full_names("pg", {{"."}, 1}) == Texts{"pg."});
}

TEST_CASE("both families are asked for at once, and each answer is there when it comes", "[discovery]") {
    Asking pg({"pg.test."});
    CHECK(pg.step() == Texts{"A pg.test. 0", "AAAA pg.test. 0"});
    pg.reply(0, 0, Query::a, records(1s, {"10.0.0.1"}));
    CHECK(pg.has(Query::a) == Texts{"10.0.0.1"});
    CHECK(pg.answers.size() == 1);
    CHECK_FALSE(pg.inquiry.over());
    pg.reply(0, 0, Query::aaaa, none("it has no AAAA record"));
    CHECK(pg.answers.size() == 2);
    CHECK(pg.inquiry.over());
}

TEST_CASE("both families are those of one name, the first in the search domains that has any",
          "[discovery]") {
    Asking pg({"pg.one.", "pg.two.", "pg."});
    pg.step();
    pg.reply(0, 0, Query::a, no_such_name());  // it has no AAAA records either
    CHECK(pg.step() == Texts{"A pg.two. 0", "AAAA pg.two. 0"});
    pg.reply(0, 0, Query::aaaa, records(1s, {"fd00::9"}));  // too late
    pg.reply(0, 1, Query::a, none("it has no A record"));
    CHECK(pg.step().empty());
    pg.reply(0, 1, Query::aaaa, records(1s, {"fd00::1"}));
    CHECK(pg.inquiry.over());
    CHECK(pg.has(Query::aaaa) == Texts{"fd00::1"});
    CHECK(pg.answers[Query::a].outcome == Found::Outcome::none);
}

TEST_CASE("what fails on the way is told when no name has records", "[discovery]") {
    Asking pg({"pg.one.", "pg."});
    pg.step();
    pg.reply(0, 0, Query::a, failed("SERVFAIL"));
    CHECK(pg.step() == Texts{"A pg.one. 1"});  // the other server
    pg.reply(1, 0, Query::a, failed("REFUSED"));
    pg.reply(0, 0, Query::aaaa, none("it has no AAAA record"));
    pg.step();
    pg.reply(0, 1, Query::a, no_such_name());
    CHECK(pg.inquiry.over());
    CHECK(pg.answers[Query::a].outcome == Found::Outcome::failed);
    CHECK(pg.answers[Query::a].reason == "SERVFAIL; REFUSED");
    CHECK(pg.answers[Query::aaaa].reason == "it has no AAAA record");
}

TEST_CASE("a server that says nothing is followed by the next one, and then asked last", "[discovery]") {
    Asking pg({"pg.one.", "pg.two.", "pg."});
    pg.step();
    CHECK(pg.inquiry.next() == kNow + kHeadStart);
    pg.now += kHeadStart;
    CHECK(pg.step() == Texts{"A pg.one. 1", "AAAA pg.one. 1"});
    CHECK_FALSE(pg.inquiry.next());  // all are asked
    pg.reply(1, 0, Query::a, no_such_name());
    CHECK(pg.step() == Texts{"A pg.two. 1", "AAAA pg.two. 1"});
    pg.reply(1, 1, Query::a, no_such_name());
    pg.step();
    pg.reply(1, 2, Query::a, records(1s, {"10.0.0.1"}));
    pg.reply(1, 2, Query::aaaa, none());
    CHECK(pg.inquiry.over());
    CHECK(pg.now == kNow + kHeadStart);  // the silent one has cost as much once
    CHECK(pg.servers.order(pg.now) == std::vector<std::size_t>{1, 0});
    pg.servers.on_answer(0);
    CHECK(pg.servers.order(pg.now) == std::vector<std::size_t>{0, 1});
    pg.servers.on_overtaken(0, pg.now);
    CHECK(pg.servers.order(pg.now + ServerOrder::kDistrust) == std::vector<std::size_t>{0, 1});
}

TEST_CASE("when all servers are silent the other names are not asked for", "[discovery]") {
    Asking pg({"pg.one.", "pg."});
    pg.step();
    pg.now += kHeadStart;
    pg.step();
    for (const Query query : {Query::a, Query::aaaa}) {
        pg.reply(0, 0, query, silence("a"));
        pg.reply(1, 0, query, silence("b"));
    }
    CHECK(pg.step().empty());
    CHECK(pg.inquiry.over());
    CHECK(pg.answers[Query::a].reason == "no answer from a; no answer from b");
}

TEST_CASE("the late answer of the first server still counts", "[discovery]") {
    Asking pg({"pg."});
    pg.step();
    pg.now += kHeadStart;
    pg.step();
    pg.reply(0, 0, Query::a, records(1s, {"10.0.0.1"}));
    pg.reply(1, 0, Query::a, records(1s, {"10.0.0.2"}));
    CHECK(pg.has(Query::a) == Texts{"10.0.0.1"});
    CHECK(pg.servers.order(pg.now) == std::vector<std::size_t>{0, 1});
}

TEST_CASE("one family alone stops at a name that exists, as the other may have its records", "[discovery]") {
    Asking pg({"pg.one.", "pg."}, {{"pg"}, {Query::a}});
    CHECK(pg.step() == Texts{"A pg.one. 0"});
    pg.reply(0, 0, Query::a, none("it has no A record"));
    CHECK(pg.inquiry.over());
    Asking v4({"pg.one.", "pg."}, {{"pg", RecordType::address, NameFamily::ipv4}, {Query::a}});
    v4.step();
    v4.reply(0, 0, Query::a, none("it has no A record"));
    CHECK(v4.step() == Texts{"A pg. 0"});
}

TEST_CASE("SRV records are one question", "[discovery]") {
    Asking srv({"_pg._tcp.one.", "_pg._tcp."}, {{"_pg._tcp", RecordType::srv}, {Query::srv}});
    srv.step();
    srv.reply(0, 0, Query::srv, none("it has no SRV record"));
    CHECK(srv.step() == Texts{"SRV _pg._tcp. 0"});
    srv.reply(0, 1, Query::srv, srv_records(1s, {{0, 1, 80, "a."}}));
    CHECK(srv.inquiry.over());
}

TEST_CASE("whatever servers say, and in whatever order, each question is answered once", "[discovery]") {
    std::minstd_rand random(1);
    const auto pick = [&](std::size_t below) { return random() % below; };
    const std::vector<Found> words = {records(1s, {"10.0.0.1"}), none("it has no A record"), no_such_name(),
                                      failed(), silence()};
    for (int run = 0; run < 2000; ++run) {
        std::vector<std::string> names(1 + pick(3), "pg.");
        Question question{{"pg"}, {Query::a, Query::aaaa}};
        if (pick(2)) question.queries.pop_back();
        Inquiry inquiry(question, names);
        ServerOrder servers(1 + pick(3));
        TimePoint now = kNow;
        std::vector<Ask> open;
        std::map<Query, int> answers;
        for (int step = 0; !inquiry.over(); ++step) {
            REQUIRE(step < 100);
            for (const Ask& ask : inquiry.take_asks(now, servers.order(now))) open.push_back(ask);
            REQUIRE((!open.empty() || inquiry.next()));
            if (open.empty() || (inquiry.next() && pick(2))) {
                now = std::max(now, *inquiry.next());
            } else {
                const std::size_t which = pick(open.size());
                for (const auto slow : inquiry.on_reply(open[which], words[pick(words.size())]))
                    servers.on_overtaken(slow, now);
                open.erase(open.begin() + std::ptrdiff_t(which));
            }
            for (const auto& [query, found] : inquiry.take_answers()) ++answers[query];
        }
        CHECK(answers.size() == question.queries.size());
        for (const auto& [query, count] : answers) CHECK(count == 1);
    }
}
