// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "base/url.hpp"
#include "proxy/admin/routes.hpp"
#include "proxy/show/lists_text.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <algorithm>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

/// An instance of one service, "web", with the backend "[::1]:80" and one open socket.
struct Instance {
    boost::asio::io_context loop{1};
    EventLog events{loop.get_executor()};
    std::vector<std::string> asked;
    ReloadReport report{.ok = true, .valid = true, .lines = {"web: backend b added"}};

    std::size_t count = 1;  ///< of open sockets
    std::size_t longest_piece = 0;

    lb::ListedSockets open() const {
        lb::SocketInfo one{.life = 7};
        one.local = *parse_endpoint("10.0.0.1:40000");
        one.dialled = *parse_endpoint("10.96.0.80:80");
        one.backend = *parse_endpoint("[::1]:80");
        one.pid = 4711;
        one.command = "psql";
        one.age = 90s;
        lb::SocketInfo of_a_life_that_was_retired = one;
        of_a_life_that_was_retired.life = 6;
        lb::ListedSockets listed{.sockets = {of_a_life_that_was_retired},
                                 .names = {{7, {"web", "[::1]:80"}}}};
        listed.sockets.resize(count + 1, one);
        return listed;
    }

    void note(const char* what, const Target& which) {
        asked.push_back(std::string(what) + " " + which.service.value_or("-") + " " +
                        which.backend.value_or("-"));
    }

    AdminView view() {
        return {.snapshot = [](bool history) -> Task<Snapshot> {
                    Snapshot snapshot;
                    snapshot.history = history;
                    co_return snapshot;
                },
                .aside = [](std::function<std::string()> work) -> Task<std::string> { co_return work(); },
                .config = [] { return lb::Model(); },
                .ready = [] { return false; },
                .reload = [this]() -> Task<ReloadReport> { co_return report; },
                .known = [](const Target& which) -> Result<void> {
                    if (which.service == "nosuch") return Error{ErrorCode::usage, "no service nosuch"};
                    return {};
                },
                .sockets = [this](Target which) -> Task<Result<lb::ListedSockets>> {
                    note("sockets", which);
                    if (which.service == "nosuch") co_return Error{ErrorCode::usage, "no service nosuch"};
                    co_return open();
                },
                .terminate = [this](Target which) -> Task<Result<lb::TerminationReport>> {
                    note("terminate", which);
                    co_return lb::TerminationReport{.matched = 1, .terminated = 1, .duration = 900us};
                },
                .set_weight = [this](const Target& which, unsigned weight) -> Result<void> {
                    note(("weight " + std::to_string(weight)).c_str(), which);
                    if (which.backend == "nosuch") return Error{ErrorCode::usage, "no such backend"};
                    return {};
                },
                .set_state = [this](const Target& which, lb::OperatorState state) -> Result<void> {
                    note(("state " + std::to_string(static_cast<int>(state))).c_str(), which);
                    if (which.backend == "nosuch") return Error{ErrorCode::usage, "no such backend"};
                    return {};
                },
                .events = &events};
    }

    Reply ask(const std::string& method, const std::string& target) {
        const AdminView all = view();
        Reply reply;
        std::string failure;
        const auto task = [this](std::string m, std::string t, const AdminView& v, Reply& to) -> Task<void> {
            to = co_await answer(std::move(m), std::move(t), v);
            while (to.next_piece) {
                auto task = to.next_piece();
                const std::string piece = co_await std::move(task);
                if (piece.empty()) break;
                longest_piece = std::max(longest_piece, piece.size());
                to.body += piece;
            }
        };
        const auto spawned = spawn(loop.get_executor(), "ask", task(method, target, all, reply),
                                   [&](const std::string& what) { failure = what; });
        loop.restart();
        loop.run();
        CHECK(failure == "");
        return reply;
    }
};

}  // namespace

TEST_CASE("paths and methods are answered as promised", "[admin]") {
    Instance instance;
    CHECK_THAT(instance.ask("GET", "/status?x=1").body, Catch::StartsWith("{\"api_version\":1,"));
    CHECK_THAT(instance.ask("GET", "/metrics").body, Catch::Contains("\nreseat_ready 0\n"));
    CHECK_THAT(instance.ask("GET", "/metrics").content_type, Catch::StartsWith("text/plain; version=0.0.4"));
    CHECK(json::parse(instance.ask("GET", "/config").body).at("version") == 1);
    const auto page = instance.ask("GET", "/");
    CHECK(page.content_type == "text/html; charset=utf-8");
    CHECK_THAT(page.policy, Catch::Contains("default-src 'none'; script-src 'sha256-"));
    CHECK_THAT(page.policy, !Catch::Contains("script-src 'unsafe"));
    CHECK(instance.ask("GET", "/ready").status == 503);
    for (const auto* target : {"/nothing", "", "//", "/services", "/services/web", "/services/web/backends/x",
                               "/services/web/x/y/terminate", "/%zz", "/status/"}) {
        const auto missing = instance.ask("GET", target);
        CHECK(missing.status == 404);
        for (const auto* key : {"code", "message", "hint"})
            CHECK(json::parse(missing.body).at("error").as_object().contains(key));
    }
}

TEST_CASE("what changes something is asked by POST, what only looks by GET", "[admin]") {
    Instance instance;
    for (const auto* target : {"/", "/status", "/ready", "/sockets", "/events", "/config", "/metrics"}) {
        CHECK(instance.ask("POST", target).status == 405);
        CHECK(instance.ask("DELETE", target).allow == "GET");
    }
    for (const auto* target : {"/reload", "/services/web/terminate", "/services/web/backends/a/terminate",
                               "/services/web/backends/a/drain", "/services/web/backends/a/ready",
                               "/services/web/backends/a/maint"}) {
        CHECK(instance.ask("GET", target).status == 405);
        CHECK(instance.ask("GET", target).allow == "POST");
    }
    CHECK(instance.asked.empty());
}

TEST_CASE("a reload is answered with what changed, or with the faults", "[admin]") {
    Instance instance;
    const auto good = json::parse(instance.ask("POST", "/reload").body);
    CHECK(good.at("ok") == true);
    CHECK(good.at("changes") == json::array{"web: backend b added"});
    instance.report = {.ok = false, .valid = false, .lines = {"a.yaml:1:1: error: x"}};
    const auto bad = json::parse(instance.ask("POST", "/reload").body);
    CHECK(bad.at("valid") == false);
    CHECK(bad.at("faults") == json::array{"a.yaml:1:1: error: x"});
}

TEST_CASE("sockets and terminations name a service and perhaps a backend", "[admin]") {
    Instance instance;
    instance.ask("GET", "/sockets");
    instance.ask("GET", "/sockets?service=web&backend=%5B%3A%3A1%5D%3A80");
    instance.ask("POST", "/services/web/terminate");
    const auto report =
        json::parse(instance.ask("POST", "/services/web/backends/%5B::1%5D:80/terminate").body);
    CHECK(instance.asked == std::vector<std::string>{"sockets - -", "sockets web [::1]:80", "terminate web -",
                                                     "terminate web [::1]:80"});
    CHECK(report.at("terminated") == 1);
    CHECK(report.at("duration_us") == 900);
    const auto missing = instance.ask("GET", "/sockets?service=nosuch");
    CHECK(missing.status == 404);
    CHECK(json::parse(missing.body).at("error").at("message") == "no service nosuch");
}

TEST_CASE("a long list of sockets is answered in pieces, and is one JSON value", "[admin]") {
    Instance instance;
    for (const std::size_t count : {0, 1, 5'000}) {
        instance.count = count;
        const auto reply = instance.ask("GET", "/sockets");
        CHECK(json::parse(reply.body).at("sockets").as_array().size() == count);
        CHECK(reply.body.ends_with("}\n"));
    }
    CHECK(instance.longest_piece < 128 * 1024);
}

TEST_CASE("the sockets of people's tables fit 80 columns and say whose they are", "[admin]") {
    Instance instance;
    const auto list = json::parse(instance.ask("GET", "/sockets").body).at("sockets").as_array();
    const auto text = sockets_text(list, 80, false);
    for (const auto* word : {"4711", "psql", "10.0.0.1:40000", "10.96.0.80:80", "web/[::1]:80"})
        CHECK_THAT(text, Catch::Contains(word));
    for (const auto line : split(text, '\n')) CHECK(width(line) <= 80);
}

TEST_CASE("what is written percent-encoded is read back", "[admin]") {
    const std::string hostile = "a b/c%d?e&f=[::1]:80\xc3\xa9";
    const std::string encoded = percent_encoded(hostile);
    CHECK(path_of("/x/" + encoded + "?y=1") == std::vector<std::string>{"x", hostile});
    CHECK(query_of("/x?z=1&name=" + encoded, "name") == hostile);
    CHECK(query_of("/x?names=1", "name") == std::nullopt);
    CHECK(query_of("/x", "name") == std::nullopt);
    for (const auto* wrong : {"", "x", "/%", "/%1", "/%1g", "/%%"}) CHECK(path_of(wrong) == std::nullopt);
}

TEST_CASE("a backend's weight is set by its path and a number from 0 to 256", "[admin]") {
    Instance instance;
    CHECK(instance.ask("POST", "/services/web/backends/%5B::1%5D:80/weight?weight=256").status == 200);
    CHECK(instance.asked == std::vector<std::string>{"weight 256 web [::1]:80"});
    for (const auto* wrong :
         {"", "?weight=", "?weight=257", "?weight=-1", "?weight=1x", "?weight=99999999999"})
        CHECK(instance.ask("POST", std::string("/services/web/backends/a/weight") + wrong).status == 400);
    CHECK(instance.ask("POST", "/services/web/backends/nosuch/weight?weight=1").status == 404);
    CHECK(instance.ask("POST", "/services/web/weight?weight=1").status == 404);
    CHECK(instance.ask("GET", "/services/web/backends/a/weight").status == 405);
    CHECK(instance.asked.size() == 2);
}

TEST_CASE("a backend is drained, taken out and taken back by its path", "[admin]") {
    Instance instance;
    for (const auto* word : {"ready", "drain", "maint"}) {
        const auto reply = instance.ask("POST", std::string("/services/web/backends/%5B::1%5D:80/") + word);
        CHECK(reply.body == std::string("{\"state\":\"") + word + "\"}\n");
    }
    CHECK(instance.asked ==
          std::vector<std::string>{"state 0 web [::1]:80", "state 1 web [::1]:80", "state 2 web [::1]:80"});
    const auto missing = instance.ask("POST", "/services/web/backends/nosuch/drain");
    CHECK(missing.status == 404);
    CHECK_THAT(missing.body, Catch::Contains("reseat status lists"));
    CHECK(instance.ask("POST", "/services/web/drain").status == 404);
    CHECK(instance.ask("POST", "/services/web/backends/a/up").status == 404);
}

TEST_CASE("events are filtered by id, service and backend", "[admin][events]") {
    Instance instance;
    instance.events.append({.type = lb::Event::Type::started, .message = "1"});
    instance.events.append({.service = "web", .backend = "a", .message = "2"});
    instance.events.append({.service = "web", .backend = "b", .message = "3"});
    instance.events.append({.service = "db", .backend = "a", .message = "4"});
    const auto ids = [&](const char* target) {
        std::string text;
        const auto body = json::parse(instance.ask("GET", target).body);
        for (const auto& event : body.at("events").as_array()) text += event.at("message").as_string();
        return text;
    };
    CHECK(ids("/events") == "1234");
    CHECK(ids("/events?since=2") == "34");
    CHECK(ids("/events?since=9") == "");
    CHECK(ids("/events?service=web") == "23");
    CHECK(ids("/events?service=web&backend=a&since=1") == "2");
    for (const auto* wrong : {"/events?since=", "/events?since=x", "/events?since=-1", "/events?backend=a",
                              "/events?since=99999999999999999999"})
        CHECK(instance.ask("GET", wrong).status == 400);
}

TEST_CASE("events of a name that nobody knows are refused; those of a service that is gone are told",
          "[admin][events]") {
    Instance instance;  // its sockets know no "nosuch"
    for (const auto* target : {"/events?service=nosuch", "/events?service=nosuch&backend=a",
                               "/events?follow=1&service=nosuch", "/events?service=nosuch&since=7"}) {
        const auto reply = instance.ask("GET", target);
        CHECK(reply.status == 404);
        CHECK_FALSE(reply.follow);
        CHECK_THAT(reply.body, Catch::Contains("no service nosuch"));
    }
    CHECK(instance.ask("GET", "/events?service=web").status == 200);  // nothing happened to it yet
    instance.events.append({.service = "nosuch", .message = "removed"});
    CHECK(instance.ask("GET", "/events?service=nosuch").status == 200);
    CHECK(instance.ask("GET", "/events?service=nosuch&since=7").status == 200);
    CHECK(instance.ask("GET", "/events?service=nosuch&backend=a").status == 404);
}

TEST_CASE("sockets of a backend need its service, as events do", "[admin]") {
    Instance instance;
    const auto reply = instance.ask("GET", "/sockets?backend=a");
    CHECK(reply.status == 400);
    CHECK_THAT(reply.body, Catch::Contains("bad_filter") && Catch::Contains("/sockets?service=NAME"));
    CHECK(instance.asked.empty());
}

TEST_CASE("who follows events is told which ones are wanted", "[admin][events]") {
    Instance instance;
    const auto reply = instance.ask("GET", "/events?follow=1&since=7&service=web");
    REQUIRE(reply.follow);
    CHECK(reply.follow->since == 7);
    CHECK(reply.follow->service == "web");
    CHECK_FALSE(reply.follow->backend);
    CHECK_FALSE(instance.ask("GET", "/events?follow=0").follow);
}
