// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/event_log.hpp"

#include "proxy/admin/lists_json.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <set>

using namespace reseat;
using namespace reseat::proxy;
namespace json = boost::json;

namespace {

using Type = lb::Event::Type;

struct Journal {
    boost::asio::io_context loop{1};
    EventLog log{loop.get_executor()};

    void add(Type type, std::size_t times = 1) {
        for (std::size_t i = 0; i < times; ++i) log.append({.type = type, .message = "x"});
    }
    std::size_t count(Type type) const {
        const auto all = log.after(0);
        return static_cast<std::size_t>(
            std::ranges::count_if(all, [&](const auto& logged) { return logged->event.type == type; }));
    }
    /// What news(`id`) came to, as far as it has ended.
    std::shared_ptr<std::optional<bool>> wait(std::uint64_t id) {
        auto outcome = std::make_shared<std::optional<bool>>();
        const auto waiting = [](EventLog& of, std::uint64_t after,
                                std::shared_ptr<std::optional<bool>> to) -> Task<void> {
            const bool more = co_await of.news(after);
            *to = more;
        };
        tasks.push_back(spawn(loop.get_executor(), "wait", waiting(log, id, outcome),
                              [](const std::string& failure) { FAIL(failure); }));
        poll();
        return outcome;
    }
    void poll() {
        loop.restart();
        loop.poll();
    }
    std::vector<Spawned> tasks;
};

}  // namespace

TEST_CASE("events are remembered in their order, with ids that count from 1", "[events]") {
    Journal journal;
    journal.add(Type::backend_down, 3);
    const auto all = journal.log.after(0);
    REQUIRE(all.size() == 3);
    CHECK(all[0]->id == 1);
    CHECK(all[2]->id == 3);
    CHECK(all[0]->at <= all[2]->at);
    CHECK(journal.log.after(2).size() == 1);
    CHECK(journal.log.after(3).empty());
}

TEST_CASE("the log is bounded, and what happens every second does not push out what happens once",
          "[events]") {
    Journal journal;
    journal.add(Type::backend_down);
    journal.add(Type::policy_denied, 3 * EventLog::kCapacity);
    CHECK(journal.log.after(0).size() == EventLog::kCapacity);
    CHECK(journal.count(Type::backend_down) == 1);
    CHECK(journal.log.last() == 3 * EventLog::kCapacity + 1);
}

TEST_CASE("of many types each keeps its share when there is no room", "[events]") {
    Journal journal;
    journal.add(Type::backend_down, 100);
    journal.add(Type::policy_denied, 2000);
    journal.add(Type::backend_up, 2000);
    CHECK(journal.count(Type::backend_down) == 100);
    CHECK(journal.count(Type::policy_denied) == 450);
    CHECK(journal.count(Type::backend_up) == 450);
}

TEST_CASE("who has not read what was forgotten has missed something", "[events]") {
    Journal journal;
    journal.add(Type::reload, EventLog::kCapacity);
    CHECK_FALSE(journal.log.missed_after(0));
    journal.add(Type::reload);
    CHECK(journal.log.missed_after(0));
    CHECK_FALSE(journal.log.missed_after(1));
}

TEST_CASE("all who wait for news hear of them, and of the end", "[events]") {
    Journal journal;
    const auto one = journal.wait(0), other = journal.wait(0), later = journal.wait(1);
    CHECK_FALSE(*one);
    journal.add(Type::ready);
    journal.poll();
    CHECK(*one == true);
    CHECK(*other == true);
    CHECK_FALSE(*later);
    journal.log.close();
    journal.poll();
    CHECK(*later == false);
    CHECK(*journal.wait(0) == true);  // what is there can be read
}

TEST_CASE("an event is told with everything that is known of it, the rest as null", "[events]") {
    const lb::TerminationReport report{.matched = 2, .terminated = 1, .failed = 1, .first_failure = "no"};
    const LoggedEvent logged{17,
                             std::chrono::system_clock::time_point(std::chrono::milliseconds(1500)),
                             {.type = Type::backend_down,
                              .level = lb::Event::Level::warn,
                              .service = "postgres",
                              .backend = "pg-1",
                              .protocol = Protocol::tcp,
                              .message = "postgres/pg-1 is DOWN: \n no",
                              .report = report}};
    const auto body = event_json(logged);
    CHECK(body.at("id") == 17);
    CHECK(body.at("at") == "1970-01-01T00:00:01.500Z");
    CHECK(body.at("level") == "warn");
    CHECK(body.at("type") == "backend_down");
    CHECK(body.at("service") == "postgres");
    CHECK(body.at("backend") == "pg-1");
    CHECK(body.at("protocol") == "tcp");
    CHECK(body.at("message") == "postgres/pg-1 is DOWN:   no");
    CHECK(body.at("report").at("matched") == 2);
    CHECK(body.at("report").at("failed") == 1);
    const auto bare = event_json({1, {}, {.type = Type::reload, .message = "x", .details = {"a", "b"}}});
    CHECK(bare.at("service").is_null());
    CHECK(bare.at("backend").is_null());
    CHECK(bare.at("protocol").is_null());
    CHECK(bare.at("report").is_null());
    CHECK(bare.at("details") == json::array{"a", "b"});
}

TEST_CASE("each type of event has a name of its own", "[events]") {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Type::warning); ++i) names.insert(word_of(static_cast<Type>(i)));
    CHECK(names.size() == static_cast<std::size_t>(Type::warning) + 1);
    CHECK(word_of(Type::warning) == "warning");
    CHECK(word_of(Type::backend_weight) == "backend_weight");
    CHECK(word_of(Type::network_suspected) == "network_suspected");
}
