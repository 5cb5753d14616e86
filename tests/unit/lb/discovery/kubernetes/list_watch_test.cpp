// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/list_watch.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/lb/discovery/kubernetes/support.hpp"

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::kubernetes;
using namespace reseat::lb::test;
using Kind = ListWatch::Answer;
using Fault = SourceRecord::Fault;

namespace {

/// Steps one by hand: what the server says in, what is asked for next out.
struct Stepped {
    explicit Stepped(std::string position = "")
        : watch({.name_space = "shop", .services = {"web"}, .advice = "apply it"}, std::move(position), kNow,
                0) {}

    ListWatch watch;
    TimePoint now = kNow;
    std::set<std::string> changed;

    ListWatch::Request ask() {
        CHECK(watch.due() >= now);
        now = std::max(now, watch.due());
        return watch.take_request(now, 0);
    }
    /// A list that is answered.
    void list(json::array slices, int version = 7, std::string_view next = "") {
        REQUIRE(watch.on_head({.status = 200}) == Kind::list);
        changed = watch.on_list(read_slice_list(list_json(std::move(slices), version, next)), now);
        watch.on_end("", Fault::connect, now, 0);
    }
    void refuse(unsigned status, std::string_view body = "", unsigned retry_after = 0) {
        REQUIRE(watch.on_head({.status = status, .retry_after = retry_after}) == Kind::refused);
        watch.on_refusal(body);
        watch.on_end("", Fault::connect, now, 0);
    }
    bool line(const std::string& text) { return watch.on_line(text, changed); }
    void end(std::string failure = "", Fault fault = Fault::connect) { watch.on_end(failure, fault, now, 0); }
    /// A watch is under way.
    void start() {
        ask();
        list({slice_json("a", "web", {pod("10.1.0.1", "a")})});
        REQUIRE(ask().is_watch);
        REQUIRE(watch.on_head({.status = 200}) == Kind::watch);
    }
    std::size_t endpoints() const {
        return watch.store().assignment("web", "", Protocol::tcp).endpoints.size();
    }
};

std::string expired() {
    return event_json("ERROR",
                      {{"kind", "Status"}, {"code", 410}, {"reason", "Expired"}, {"message", "too old"}});
}

std::string status_body(unsigned code, std::string_view message, int retry_after = 0) {
    return json::serialize(json::object{{"kind", "Status"},
                                        {"code", code},
                                        {"message", message},
                                        {"details", {{"retryAfterSeconds", retry_after}}}});
}

}  // namespace

TEST_CASE("first a list from the server's memory, then a watch from its version", "[list_watch]") {
    Stepped step;
    const auto list = step.ask();
    CHECK(list.target ==
          "/apis/discovery.k8s.io/v1/namespaces/shop/"
          "endpointslices?labelSelector=kubernetes.io%2Fservice-name%20in"
          "%20%28web%29&resourceVersion=0");
    step.list({slice_json("a", "web", {pod("10.1.0.1", "a")})}, 41);
    CHECK(step.changed == std::set<std::string>{"web"});
    CHECK(step.watch.synced());
    const auto watch = step.ask();
    CHECK(watch.is_watch);
    CHECK(watch.target.ends_with("&watch=1&resourceVersion=41&allowWatchBookmarks=true&timeoutSeconds=300"));
}

TEST_CASE("a list in pages counts when its last page is there", "[list_watch]") {
    Stepped step;
    step.ask();
    step.list({slice_json("a", "web", {pod("10.1.0.1", "a")})}, 41, "more==");
    CHECK_FALSE(step.watch.synced());
    CHECK(step.ask().target.ends_with("&limit=500&continue=more%3D%3D"));
    step.list({slice_json("b", "web", {pod("10.1.0.2", "b")})}, 41);
    CHECK(step.endpoints() == 2);
}

TEST_CASE("events change the store, a bookmark only the version", "[list_watch]") {
    Stepped step;
    step.start();
    step.changed.clear();
    CHECK(step.line(event_json("MODIFIED", slice_json("a", "web", {}, {}, 50))));
    CHECK(step.changed == std::set<std::string>{"web"});
    CHECK(step.endpoints() == 0);
    step.changed.clear();
    CHECK(step.line(
        event_json("BOOKMARK", {{"kind", "EndpointSlice"}, {"metadata", {{"resourceVersion", "99"}}}})));
    CHECK(step.changed.empty());
    step.now += 5min;
    step.end();
    CHECK(step.watch.error().empty());
    CHECK(step.ask().target.find("resourceVersion=99&") != std::string::npos);
}

TEST_CASE("410 in the stream: a list not older than what is known; nothing goes [F10]", "[list_watch]") {
    Stepped step;
    step.start();
    step.now += 10s;
    CHECK_FALSE(step.line(expired()));
    CHECK(step.endpoints() == 1);
    step.end();
    CHECK(step.watch.error().empty());
    CHECK(step.ask().target.ends_with("&resourceVersion=7&resourceVersionMatch=NotOlderThan"));
    CHECK(step.watch.take_relists() == std::vector<std::string>{"start", "expired"});
}

TEST_CASE("410 at the head of a watch and of a list [F10]", "[list_watch]") {
    Stepped step;
    step.ask();
    step.list({slice_json("a", "web", {pod("10.1.0.1", "a")})});
    step.ask();
    step.refuse(410);
    CHECK(step.ask().target.ends_with("NotOlderThan"));
    step.refuse(410);
    CHECK(step.ask().target.ends_with("&limit=500"));  // whatever version there is
    CHECK(step.endpoints() == 1);
    step.list({slice_json("a", "web", {pod("10.1.0.1", "a")})});
    CHECK(step.ask().is_watch);
}

TEST_CASE("time does not run backwards, not through another server and not after a restart [F11]",
          "[list_watch]") {
    Stepped step("17");
    CHECK(step.ask().target.ends_with("&resourceVersion=17&resourceVersionMatch=NotOlderThan"));
    const TimePoint asked = step.now;
    step.refuse(504, status_body(504, "Too large resource version", 1));
    CHECK(step.watch.due() == asked + 1s);
    CHECK(step.ask().target.ends_with("&resourceVersion=17&resourceVersionMatch=NotOlderThan"));
}

TEST_CASE("half a line and a FIN: whole lines count, and the watch goes on from the last version [F13]",
          "[list_watch]") {
    Stepped step;
    step.start();
    step.now += 10s;
    CHECK(step.line(event_json("MODIFIED", slice_json("a", "web", {}, {}, 50))));
    step.end("the connection was closed during the answer");
    CHECK(step.watch.error() == "the connection was closed during the answer");
    CHECK(step.ask().target.find("watch=1&resourceVersion=50&") != std::string::npos);
}

TEST_CASE("what is no JSON ends the watch and changes nothing; the pause grows", "[list_watch]") {
    Stepped step;
    step.start();
    CHECK_FALSE(step.line("<html>"));
    step.end();
    CHECK(step.watch.fault() == Fault::malformed);
    CHECK(step.endpoints() == 1);
    CHECK(step.watch.due() == step.now + 800ms);
    Duration before = 0s;
    for (int i = 0; i < 8; ++i) {
        step.ask();
        step.watch.on_head({.status = 200});
        step.line("<html>");
        step.end();
        CHECK(step.watch.due() - step.now >= before);
        before = step.watch.due() - step.now;
    }
    CHECK(before == 30s);
}

TEST_CASE("a watch that ends within a second is a fault of the server", "[list_watch]") {
    Stepped step;
    step.start();
    step.end();
    CHECK(step.watch.due() == step.now + 800ms);
    step.ask();
    step.watch.on_head({.status = 200});
    step.now += 2s;
    step.end();
    CHECK(step.watch.due() == step.now);
}

TEST_CASE("401: the token is read anew, once at once [F26]", "[list_watch]") {
    Stepped step;
    step.ask();
    step.refuse(401);
    CHECK(step.watch.due() == step.now);
    CHECK(step.ask().fresh_token);
    step.refuse(401);
    CHECK(step.watch.due() > step.now);
    CHECK(step.watch.fault() == Fault::unauthorized);
}

TEST_CASE("403 says which right is missing, and is tried each 30 s [F27, F45]", "[list_watch]") {
    Stepped step;
    step.start();
    step.now += 10s;
    step.end();
    step.ask();
    step.refuse(403, status_body(403, "endpointslices is forbidden: User \"x\" cannot watch"));
    CHECK(step.watch.error() == "403: may not watch endpointslices in namespace shop; apply it");
    CHECK(step.watch.due() == step.now + 30s);
    CHECK(step.endpoints() == 1);
    step.ask();
    step.refuse(403, status_body(403, "User \"system:anonymous\" cannot list"));
    CHECK(step.watch.error().starts_with("403: no token was sent"));
}

TEST_CASE("404 of v1: v1beta1 is asked for", "[list_watch]") {
    Stepped step;
    step.ask();
    step.refuse(404);
    CHECK(step.watch.due() == step.now);
    CHECK(step.ask().target.starts_with("/apis/discovery.k8s.io/v1beta1/"));
    step.refuse(404);
    CHECK(step.watch.due() > step.now);
    CHECK(step.ask().target.starts_with("/apis/discovery.k8s.io/v1/"));
}

TEST_CASE("Retry-After is obeyed, from 1 to 60 s", "[list_watch]") {
    Stepped step;
    step.ask();
    step.refuse(429, "", 7);
    CHECK(step.watch.due() == step.now + 7s);
    step.ask();
    step.refuse(503, "", 9000);
    CHECK(step.watch.due() == step.now + 60s);
}

TEST_CASE("each hour all is listed anew; what no event had said is a repair [F12]", "[list_watch]") {
    Stepped step;
    step.start();
    step.now += 30min;
    step.end();
    CHECK_FALSE(step.ask().is_watch);
    step.list({slice_json("a", "web", {pod("10.1.0.2", "b")})});
    CHECK(step.watch.take_repaired());
    CHECK_FALSE(step.watch.take_repaired());
    CHECK(step.watch.take_relists() == std::vector<std::string>{"start", "hourly"});
}

TEST_CASE("a watch is bounded: at most ten minutes, and not beyond the hourly list [F12]", "[list_watch]") {
    ListWatch watch({.name_space = "shop", .services = {"web"}}, "", kNow, 0.99);
    watch.take_request(kNow, 0.99);
    watch.on_head({.status = 200});
    watch.on_list(read_slice_list(list_json({})), kNow);
    watch.on_end("", Fault::connect, kNow, 0.99);
    CHECK(watch.take_request(kNow, 0.99).patience <= 10min + 10s);
}

TEST_CASE("other services are listed at once; beyond 50 the whole namespace is watched", "[list_watch]") {
    Stepped step;
    step.start();
    CHECK_FALSE(step.watch.want({"web"}, step.now));
    CHECK(step.watch.want({"db", "web"}, step.now));
    CHECK_FALSE(step.line(event_json("MODIFIED", slice_json("a", "web", {}, {}, 50))));
    step.end();
    CHECK(step.ask().target.find("%28db%2Cweb%29") != std::string::npos);
    std::set<std::string> many;
    for (int i = 0; i < 51; ++i) many.insert(fmt::format("s{}", i));
    step.watch.want(many, step.now);
    CHECK(step.ask().target.find("labelSelector=kubernetes.io%2Fservice-name&") != std::string::npos);
}

TEST_CASE("a Service that has no slice is known to be absent after a list [F16]", "[list_watch]") {
    Stepped step;
    step.ask();
    step.list({});
    CHECK(step.changed == std::set<std::string>{"web"});
    CHECK(step.watch.store().assignment("web", "", Protocol::tcp).known == Assignment::Known::absent);
}
