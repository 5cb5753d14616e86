// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/metrics.hpp"

#include "base/read_file.hpp"
#include "base/text.hpp"
#include "lb/control/report/transition.hpp"
#include "tests/support/catch.hpp"

#include <map>
#include <regex>
#include <set>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;

namespace {

lb::ServiceStatus service(const std::string& name, Protocol protocol, std::vector<std::string> backends) {
    lb::Service config{.name = name, .protocol = protocol};
    lb::ServiceStatus status{.eligible = 1};
    for (const auto& backend : backends) {
        config.backends.push_back({.name = backend});
        lb::BackendStatus one{.backend = config.backends.back(), .state = lb::BackendState::up};
        one.open_sockets = 5;
        one.connects_total = 120;
        status.backends.push_back(one);
    }
    status.service = std::make_shared<const lb::Service>(std::move(config));
    return status;
}

Snapshot example() {
    Snapshot snapshot{
        .ready = true,
        .services = {service("postgres", Protocol::tcp, {"pg-1", "pg-2"}),
                     service("dns", Protocol::tcp, {"a"}), service("dns", Protocol::udp, {"a"})},
        .policies = {{.name = "no-dns", .denied_total = 4, .terminated_total = 1}}};
    auto& pg = snapshot.services[0];
    pg.waiting = 3;
    pg.checks.add(2ms);
    pg.failovers.add(900us);
    auto& down = pg.backends[1];
    down.state = lb::BackendState::down;
    down.checks_total[static_cast<std::size_t>(lb::ProbeOutcome::no_answer)] = 3;
    down.counters.transitions[static_cast<std::size_t>(lb::Transition::Kind::down)] = 2;
    down.counters.terminated[static_cast<std::size_t>(lb::EndReason::unreachable)] = 12;
    snapshot.counts.data_path = {
        {"index_overflow", 7}, {"unowned", 0}, {"no_backend", 0}, {"events_lost", 0}};
    snapshot.counts.events[lb::Event::Type::network_suspected] = 1;
    snapshot.counts.reloads_failed = 2;
    return snapshot;
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

/// Names of the metrics, as their HELP lines have them.
std::set<std::string> names(const std::string& text) {
    std::set<std::string> found;
    for (const auto line : split(text, '\n'))
        if (line.starts_with("# HELP ")) found.emplace(split(line, ' ')[2]);
    return found;
}

}  // namespace

TEST_CASE("metrics name the service and the backend, and the protocol where there are two", "[metrics]") {
    const auto text = metrics_text(example());
    for (const auto* line :
         {R"(reseat_backend_up{service="postgres",backend="pg-1"} 1)",
          R"(reseat_backend_up{service="postgres",backend="pg-2"} 0)",
          R"(reseat_backend_open_sockets{service="dns",protocol="udp",backend="a"} 5)",
          R"(reseat_health_checks_total{service="postgres",backend="pg-2",result="timeout"} 3)",
          R"(reseat_backend_transitions_total{service="postgres",backend="pg-2",to="down"} 2)",
          R"(reseat_backend_transitions_total{service="postgres",backend="pg-1",to="down"} 0)",
          R"(reseat_sockets_terminated_total{service="postgres",backend="pg-2",reason="unreachable"} 12)",
          R"(reseat_waiting_sockets{service="postgres"} 3)",
          R"(reseat_eligible_backends{service="postgres"} 1)",
          R"(reseat_policy_denied_total{policy="no-dns"} 4)", R"(reseat_index_overflow_total 7)",
          R"(reseat_config_reloads_total{result="failed"} 2)", R"(reseat_ready 1)",
          R"(reseat_events_total{type="network_suspected"} 1)",
          R"(reseat_failover_duration_seconds_bucket{service="postgres",le="0.001"} 1)",
          R"(reseat_failover_duration_seconds_bucket{service="postgres",le="0.0005"} 0)",
          R"(reseat_failover_duration_seconds_bucket{service="postgres",le="+Inf"} 1)",
          R"(reseat_failover_duration_seconds_count{service="postgres"} 1)"}) {
        CAPTURE(line);
        CHECK(has_line(text, line));
    }
}

TEST_CASE("no series comes twice, though a removed backend left its name to another", "[metrics]") {
    Snapshot snapshot = example();
    auto gone = snapshot.services[0].backends[0];
    gone.state = lb::BackendState::removing;
    gone.connects_total = 7;
    snapshot.services[0].backends.push_back(gone);
    const auto text = metrics_text(snapshot);
    std::set<std::string> seen;
    for (const auto line : split(text, '\n')) {
        if (line.empty() || line.starts_with('#')) continue;
        CHECK(seen.emplace(line.substr(0, line.rfind(' '))).second);
    }
    CHECK(has_line(text, R"(reseat_backend_up{service="postgres",backend="pg-1"} 1)"));
    CHECK(has_line(text, R"(reseat_backend_open_sockets{service="postgres",backend="pg-1"} 10)"));
    CHECK(has_line(text, R"(reseat_connects_total{service="postgres",backend="pg-1"} 120)"));
}

TEST_CASE("each metric is in the document, and each one of the document is a metric", "[metrics][docs]") {
    const auto document = read_file("docs/admin.md");
    REQUIRE(document.has_value());
    std::set<std::string> documented;
    const std::regex row(R"(\n\| `((?:reseat|process)_[a-z_]+)`)");
    for (auto it = std::sregex_iterator(document->begin(), document->end(), row);
         it != std::sregex_iterator(); ++it)
        documented.insert((*it)[1]);
    CHECK(names(metrics_text(example())) == documented);
}

TEST_CASE("names that others chose cannot break the format", "[metrics]") {
    Snapshot snapshot = example();
    snapshot.policies[0].name = "a\"b\\c\nd";
    CHECK(has_line(metrics_text(snapshot), R"(reseat_policy_denied_total{policy="a\"b\\c\nd"} 4)"));
}

TEST_CASE("a thousand backends are put into words in no time", "[metrics]") {
    Snapshot snapshot = example();
    std::vector<std::string> backends;
    for (int i = 0; i < 1000; ++i) backends.push_back("10.0.0.1:" + std::to_string(i));
    snapshot.services = {service("many", Protocol::tcp, backends)};
    const auto start = std::chrono::steady_clock::now();
    const auto text = metrics_text(snapshot);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    CAPTURE(took.count(), text.size());
    CHECK(took < 2s);  // on any machine; some 30 ms on an idle one
    CHECK(text.size() < 8'000'000);
}
