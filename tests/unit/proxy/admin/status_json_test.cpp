// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/status_json.hpp"

#include "base/text.hpp"
#include "proxy/show/status_text.hpp"
#include "tests/support/catch.hpp"

#include <boost/json.hpp>

#include <set>

using namespace reseat;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

constexpr std::chrono::system_clock::time_point kNow{1795359600123ms};  // 2026-11-22T15:00:00.123Z

std::set<std::string> keys(const json::value& value) {
    std::set<std::string> names;
    for (const auto& member : value.as_object()) names.emplace(member.key());
    return names;
}

struct Example {
    lb::Service service;
    lb::ServiceStatus status;
    std::vector<lb::SourceView> source_views;
    std::vector<lb::SourceRecord> sources;
    bool history = false;

    Example() {
        service.name = "postgres";
        service.addresses = {*parse_endpoint("10.96.0.10:5432")};
        service.backends = {{.name = "pg-1", .endpoint = *parse_endpoint("10.0.1.11:5432")}};
        status.service = std::make_shared<const lb::Service>(service);
        status.eligible = 1;
        status.open_sockets = 41;
        lb::BackendStatus backend{.backend = service.backends.front()};
        backend.state = lb::BackendState::down;
        backend.reason = "no answer within 1s";
        backend.since = kNow;
        backend.connects_total = 120;
        backend.check = {{lb::ProbeOutcome::no_answer, "no answer within 1s", 1s}, kNow, 0, 3};
        status.backends = {backend};
        status.last_failover = {
            kNow, "pg-1", "no answer within 1s (3/3)", {.matched = 12, .terminated = 12, .duration = 900us}};
    }

    json::object body() const {
        const proxy::InstanceInfo info{.instance = "default",
                                       .cgroup = "/sys/fs/cgroup/app",
                                       .pinned = true,
                                       .config_path = "reseat.yaml",
                                       .config_sha256 = "ab",
                                       .started_at = kNow,
                                       .loaded_at = kNow,
                                       .last_reload = {false, kNow, "a.yaml:1:1: error: x"},
                                       .kernel_release = "6.18.0",
                                       .engines = {"tuple", "diag"},
                                       .repoint = true};
        return proxy::status_json({.info = info,
                                   .ready = true,
                                   .services = {status},
                                   .policies = {{.name = "no-dns",
                                                 .action = lb::PolicyAction::deny,
                                                 .denied_total = 4,
                                                 .terminated_total = 1}},
                                   .source_views = source_views,
                                   .sources = sources,
                                   .history = history});
    }
};

}  // namespace

TEST_CASE("status has every key that is promised", "[status]") {
    const json::value body = Example().body();
    CHECK(keys(body) == std::set<std::string>{"api_version", "version", "instance", "ready", "started_at",
                                              "workload", "config", "kernel", "sources", "services",
                                              "policies"});
    CHECK(keys(body.at("workload")) == std::set<std::string>{"cgroup", "pinned"});
    CHECK(keys(body.at("config")) == std::set<std::string>{"path", "sha256", "loaded_at", "last_reload"});
    CHECK(keys(body.at("config").at("last_reload")) == std::set<std::string>{"ok", "at", "error"});
    CHECK(keys(body.at("kernel")) == std::set<std::string>{"release", "terminate", "repoint"});
    const auto& service = body.at("services").at(0);
    CHECK(keys(service) == std::set<std::string>{"name", "protocol", "addresses", "lb_policy", "eligible",
                                                 "total", "panic", "open_sockets", "waiting", "stuck",
                                                 "untracked", "last_failover", "discovery", "sources",
                                                 "backends"});
    CHECK(keys(service.at("last_failover")) == std::set<std::string>{"at", "backend", "reason", "matched",
                                                                     "terminated", "repointed", "failed",
                                                                     "duration_us"});
    const auto& backend = service.at("backends").at(0);
    CHECK(keys(backend) == std::set<std::string>{"name", "address", "state", "reason", "since", "weight",
                                                 "effective_weight", "share", "priority", "open_sockets",
                                                 "waiting", "stuck", "sockets_end_at", "connects_total",
                                                 "connect_failures_total", "early_resets_total",
                                                 "unanswered_total", "ejected_until", "check"});
    CHECK(keys(backend.at("check")) ==
          std::set<std::string>{"type", "result", "detail", "latency_us", "at", "passes", "failures"});
}

TEST_CASE("status gives times in UTC with milliseconds and durations in microseconds", "[status]") {
    const json::value body = Example().body();
    CHECK(body.at("started_at") == "2026-11-22T15:00:00.123Z");
    const auto& service = body.at("services").at(0);
    CHECK(service.at("last_failover").at("duration_us") == 900);
    CHECK(service.at("backends").at(0).at("check").at("latency_us") == 1000000);
    CHECK(service.at("backends").at(0).at("check").at("result") == "timeout");
    CHECK(service.at("addresses") == json::array{"10.96.0.10:5432"});
}

TEST_CASE("status tells the policies, the pin and how the last reload went", "[status]") {
    const json::value body = Example().body();
    CHECK(body.at("workload").at("pinned") == true);
    CHECK(body.at("policies") ==
          json::array{json::object{
              {"name", "no-dns"}, {"action", "deny"}, {"denied_total", 4}, {"terminated_total", 1}}});
    const auto& reload = body.at("config").at("last_reload");
    CHECK(reload.at("ok") == false);
    CHECK(reload.at("error") == "a.yaml:1:1: error: x");
}

TEST_CASE("what has not happened yet is null", "[status]") {
    Example example;
    example.status.last_failover.reset();
    example.status.backends.front().check = {};
    const json::value body = example.body();
    const auto& service = body.at("services").at(0);
    CHECK(service.at("last_failover").is_null());
    CHECK(service.at("backends").at(0).at("check").at("result").is_null());
    CHECK(service.at("backends").at(0).at("check").at("at").is_null());
}

TEST_CASE("the tables for people fit 80 columns and name what went wrong", "[status]") {
    const auto text = proxy::status_text(proxy::read_status(Example().body()), kNow + 3min, 80, false);
    CHECK_THAT(text, Catch::Contains("postgres/pg-1") && Catch::Contains("10.0.1.11:5432") &&
                         Catch::Contains("down"));
    CHECK_THAT(text, Catch::Contains("last failover 3 min ago: postgres/pg-1: no answer within 1s (3/3)"));
    CHECK_THAT(text,
               Catch::Contains("no-dns") && Catch::Contains(", pinned") &&
                   Catch::Contains(
                       "reload FAILED 3 min ago, the previous configuration stays in force: a.yaml:1:1"));
    for (const auto line : split(text, '\n'))
        if (!line.starts_with("reload FAILED")) CHECK(width(line) <= 80);
}

TEST_CASE("an effective weight is a whole number but for slow_start", "[status]") {
    Example example;
    CHECK(example.body().at("services").at(0).at("backends").at(0).at("effective_weight").is_int64());
    example.status.backends.at(0).effective_weight = 0.2;
    CHECK(example.body().at("services").at(0).at("backends").at(0).at("effective_weight") == 0.2);
}

TEST_CASE("the last checks of a backend are told if they are asked for", "[status]") {
    Example example;
    example.status.backends.front().history = {{1500, 900, lb::ProbeOutcome::passed},
                                               {2500, 1000000, lb::ProbeOutcome::no_answer}};
    const auto check = [&] { return example.body().at("services").at(0).at("backends").at(0).at("check"); };
    CHECK_FALSE(check().as_object().contains("history"));
    example.history = true;
    CHECK(check().at("history") ==
          json::array{json::object{{"at", 1500}, {"latency_us", 900}, {"result", "passed"}},
                      json::object{{"at", 2500}, {"latency_us", 1000000}, {"result", "timeout"}}});
}

TEST_CASE("a backend that a source names has what the source says", "[status][sources]") {
    Example example;
    const auto backend = [&] { return example.body().at("services").at(0).at("backends").at(0).as_object(); };
    CHECK_FALSE(backend().contains("source"));
    CHECK_FALSE(backend().contains("held"));
    auto& config = example.status.backends.front().backend;
    config.source = "kubernetes db/postgres";
    config.standing = lb::Standing::leaving;
    config.incarnation = "1-2";
    CHECK(backend().at("source") == "kubernetes db/postgres");
    CHECK(backend().at("standing") == "leaving");
    CHECK(backend().at("incarnation") == "1-2");
    CHECK(backend().at("node") == "");
    CHECK(backend().at("held") == false);
    const auto read = proxy::read_status(example.body()).services.at(0).backends.at(0);
    CHECK(read.source == "kubernetes db/postgres");
    CHECK(read.held == false);
}

TEST_CASE("sources are told, each once, and what they say of each service", "[status][sources]") {
    Example example;
    example.sources.emplace_back("file /a", lb::SourceKind::file, kNow);
    const auto& service = *example.status.service;
    lb::SourceView view{.service = service.name, .protocol = service.protocol};
    view.entry.ref.path = "/a";
    view.said.known = lb::Assignment::Known::absent;
    example.source_views = {view};
    const auto body = example.body();
    CHECK(keys(body.at("sources").at(0)) ==
          std::set<std::string>{"name", "kind", "state", "since", "heard_at", "last_change_at", "error",
                                "version", "refs", "events_total", "relists_total"});
    CHECK(body.at("sources").at(0).at("state") == "starting");
    CHECK(body.at("sources").at(0).at("heard_at").is_null());
    const auto& said = body.at("services").at(0).at("sources").at(0);
    CHECK(keys(said) == std::set<std::string>{"source", "kind", "known", "stale", "from_before",
                                              "confirmed_at", "ready", "leaving", "unready", "held",
                                              "left_out", "why_left_out", "disagreements", "error"});
    CHECK(said.at("source") == "file /a");
    CHECK(said.at("known") == "absent");
    CHECK(said.at("error").is_null());
}

TEST_CASE("a backend's share is of its address family", "[status]") {
    Example example;
    for (const char* address : {"10.0.1.12:5432", "10.0.1.13:5432", "[fd00::1]:5432"})
        example.status.backends.push_back(
            {.backend = {.name = address, .endpoint = *parse_endpoint(address)}});
    const auto share = [&](std::size_t i) {
        return example.body().at("services").at(0).at("backends").at(i).at("share");
    };
    CHECK(share(1) == 0);
    example.status.backends.at(1).effective_weight = 1;
    example.status.backends.at(2).effective_weight = 3;
    example.status.backends.at(3).effective_weight = 5;
    CHECK(share(0) == 0);
    CHECK(share(1) == 0.25);
    CHECK(share(2) == 0.75);
    CHECK(share(3) == 1);
}

TEST_CASE("the status of another version of reseat is read, too", "[status]") {
    Example example;
    example.status.backends.front().effective_weight = 2;
    auto body = example.body();
    body["news"] = json::object{{"of", "tomorrow"}};
    auto& backend = body.at("services").at(0).at("backends").at(0).as_object();
    backend.erase("share");
    backend.erase("stuck");
    const auto status = proxy::read_status(body);
    CHECK(status.instance == "default");
    CHECK(status.services.at(0).backends.at(0).share == 1);
    CHECK(status.services.at(0).backends.at(0).check.latency_us == 1s);
    CHECK_FALSE(status.services.at(0).backends.at(0).ejected_until);
    CHECK(status.services.at(0).last_failover->at == kNow - 123ms);
    CHECK_THROWS(proxy::read_status({{"error", "no status"}}));
    body["services"] = "none";
    CHECK_THROWS(proxy::read_status(body));
}
