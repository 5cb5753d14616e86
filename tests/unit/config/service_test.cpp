// SPDX-License-Identifier: Apache-2.0
#include "lb/model.hpp"
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a service with nothing but what it must have gets the documented defaults", "[config]") {
    const auto service = load(plain_service).model.services.at(0);
    CHECK(service.protocol == Protocol::tcp);
    CHECK(service.lb_policy == lb::LbPolicy::round_robin);
    CHECK(service.on_no_healthy == lb::OnNoHealthy::fail_open);
    CHECK(service.health_check.type == lb::CheckType::tcp);
    CHECK(service.health_check.interval == 5s);
    CHECK(service.health_check.timeout == 1s);
    CHECK(service.connections.on_unreachable == lb::SocketFate::terminate);
    CHECK(service.connections.on_refused == lb::SocketFate::drain);
    CHECK(service.connections.on_restarted == lb::SocketFate::terminate);
    CHECK(service.connections.drain_timeout == 300s);
    CHECK(service.connections.only_if_alternative);
    REQUIRE(service.backends.size() == 2);
    CHECK(service.backends[0].name == "10.0.0.1:80");
    CHECK(service.backends[0].weight == 1);
    CHECK(service.backends[0].state == lb::OperatorState::ready);
}

TEST_CASE("every option of a service reaches the model", "[config]") {
    const auto service =
        load(
            "version: 1\n"
            "services:\n"
            "  - name: all\n"
            "    protocol: udp\n"
            "    address: [10.96.0.1:80, '[fd00::1]:81']\n"
            "    lb_policy: random\n"
            "    on_no_healthy: reject\n"
            "    health_check:\n"
            "      {type: http, interval: 2s, fast_interval: 20ms, unhealthy_interval: 3s, timeout: 1500ms,\n"
            "       unhealthy_threshold: 4, healthy_threshold: 5, jitter_percent: 0, port: 8080, watch: "
            "'off',\n"
            "       tcp: {send: a, expect: b}, udp: {send: \"\\x01\\0c\", expect: d},\n"
            "       http: {path: /h, method: HEAD, host: x.y, headers: {A: b, C: ''}, expected_statuses: "
            "[200-299, 418],\n"
            "              expect_body: ok, tls: false}}\n"
            "    connections:\n"
            "      {on_unreachable: keep, on_refused: terminate, on_check_failed: keep, on_unresponsive: "
            "terminate, on_drain: "
            "terminate,\n"
            "       on_restarted: keep, udp: terminate, grace: 7s, drain_timeout: 8s, only_if_alternative: "
            "false}\n"
            "    backends:\n"
            "      - {address: 10.0.0.1:80, name: one, weight: 7, priority: 2, state: maint}\n"
            "      - '[fd00::2]:80'\n")
            .model.services.at(0);
    CHECK(service.protocol == Protocol::udp);
    CHECK(to_string(service.addresses.at(1)) == "[fd00::1]:81");
    CHECK(service.lb_policy == lb::LbPolicy::random);
    CHECK(service.on_no_healthy == lb::OnNoHealthy::reject);
    const auto& check = service.health_check;
    CHECK(check.type == lb::CheckType::http);
    CHECK(check.interval == 2s);
    CHECK(check.fast_interval == 20ms);
    CHECK(check.unhealthy_interval == 3s);
    CHECK(check.timeout == 1500ms);
    CHECK(check.unhealthy_threshold == 4);
    CHECK(check.healthy_threshold == 5);
    CHECK(check.jitter_percent == 0);
    CHECK(check.port == 8080);
    CHECK(check.watch == lb::Watch::off);
    CHECK(check.tcp.send + check.tcp.expect == "ab");
    CHECK(check.udp.send == std::string("\x01\0c", 3));
    CHECK(check.udp.expect == "d");
    CHECK(check.http.path == "/h");
    CHECK(check.http.method == "HEAD");
    CHECK(check.http.host == "x.y");
    CHECK(check.http.headers == std::map<std::string, std::string>{{"A", "b"}, {"C", ""}});
    CHECK(check.http.expected_statuses == std::vector<std::pair<unsigned, unsigned>>{{200, 299}, {418, 418}});
    CHECK(check.http.expect_body == "ok");
    const auto& connections = service.connections;
    CHECK(connections.on_unreachable == lb::SocketFate::keep);
    CHECK(connections.on_refused == lb::SocketFate::terminate);
    CHECK(connections.on_check_failed == lb::SocketFate::keep);
    CHECK(connections.on_unresponsive == lb::SocketFate::terminate);
    CHECK(connections.on_drain == lb::SocketFate::terminate);
    CHECK(connections.on_restarted == lb::SocketFate::keep);
    CHECK(connections.udp == lb::UdpFate::terminate);
    CHECK(connections.grace == 7s);
    CHECK(connections.drain_timeout == 8s);
    CHECK_FALSE(connections.only_if_alternative);
    CHECK(service.backends.at(0).name == "one");
    CHECK(service.backends.at(0).weight == 7);
    CHECK(service.backends.at(0).priority == 2);
    CHECK(service.backends.at(0).state == lb::OperatorState::maint);
    CHECK(service.backends.at(1).name == "[fd00::2]:80");
}

TEST_CASE("the options of the process reach the model", "[config]") {
    const auto model = load(
                           "version: 1\nservices: []\nworkload: {cgroup: /sys/fs/cgroup/x}\n"
                           "admin: {socket: /run/a.sock, address: ''}\nlog: {level: debug, format: json}\n")
                           .model;
    CHECK(model.cgroup == "/sys/fs/cgroup/x");
    CHECK(model.admin_socket == "/run/a.sock");
    CHECK(model.log_level == lb::LogLevel::debug);
    CHECK(model.log_format == lb::LogFormat::json);
    CHECK_FALSE(load(plain_service).model.cgroup);
    CHECK(load(plain_service).model.admin_socket.empty());
}

TEST_CASE("protocol any is two services, each with the check of its protocol", "[config]") {
    const auto services = load(plain_service + "    protocol: any\n").model.services;
    REQUIRE(services.size() == 2);
    CHECK(services[0].name == services[1].name);
    CHECK(services[0].protocol == Protocol::tcp);
    CHECK(services[0].health_check.type == lb::CheckType::tcp);
    CHECK(services[1].protocol == Protocol::udp);
    CHECK(services[1].health_check.type == lb::CheckType::udp);
    for (const auto& service :
         load(plain_service + "    protocol: any\n    health_check: {type: http}\n").model.services)
        CHECK(service.health_check.type == lb::CheckType::http);
    CHECK(service_with("protocol: udp").health_check.type == lb::CheckType::udp);
}

TEST_CASE("unhealthy_interval follows interval until it is written", "[config]") {
    CHECK(service_with("health_check: {interval: 9s}").health_check.unhealthy_interval == 9s);
    CHECK(service_with("health_check: {interval: 9s, unhealthy_interval: 2s}")
              .health_check.unhealthy_interval == 2s);
    CHECK(service_with("health_check: {unhealthy_interval: 2s}").health_check.interval == 5s);
}

TEST_CASE("a service inherits defaults key by key and its own keys win", "[config]") {
    // After the services, where it is as good as before them.
    const auto services =
        load(
            "version: 1\n"
            "services:\n"
            "  - {name: a, address: '10.96.0.1:80', lb_policy: round_robin,\n"
            "     health_check: {timeout: 2s, http: {path: /own, headers: {B: own, C: own}}}}\n"
            "  - {name: b, address: '10.96.0.2:80', backends: [10.0.0.3:80, 10.0.0.4:80]}\n"
            "defaults:\n"
            "  lb_policy: random\n"
            "  health_check: {type: http, interval: 7s, timeout: 3s, http: {path: /def, host: h, headers: "
            "{A: d, B: d}}}\n"
            "  connections: {grace: 4s}\n"
            "  backends: [10.0.0.1:80, 10.0.0.2:80]\n")
            .model.services;
    REQUIRE(services.size() == 2);
    CHECK(services[0].lb_policy == lb::LbPolicy::round_robin);
    CHECK(services[0].health_check.interval == 7s);
    CHECK(services[0].health_check.timeout == 2s);
    CHECK(services[0].health_check.http.path == "/own");
    CHECK(services[0].health_check.http.host == "h");
    CHECK(services[0].health_check.http.headers ==
          std::map<std::string, std::string>{{"A", "d"}, {"B", "own"}, {"C", "own"}});
    CHECK(services[0].connections.grace == 4s);
    CHECK(services[0].backends.at(0).name == "10.0.0.1:80");
    CHECK(services[1].lb_policy == lb::LbPolicy::random);
    CHECK(services[1].health_check.http.path == "/def");
    CHECK(services[1].backends.size() == 2);
    CHECK(services[1].backends.at(0).name == "10.0.0.3:80");
}

TEST_CASE("a fault in defaults is told once, where it is written", "[config]") {
    CHECK(faults_of("version: 1\n"
                    "defaults: {slow_start: 25h, health_check: {timeout: 0s}}\n"
                    "services:\n"
                    "  - {name: a, address: '10.96.0.1:80', backends: ['10.0.0.1:80']}\n"
                    "  - {name: b, address: '10.96.0.2:80', backends: ['10.0.0.1:80']}\n") ==
          Lines{"2:24 slow_start: '25h' is out of range; write a duration from 0s to 24h",
                "2:53 timeout: '0s' is out of range; write a duration from 1ms to 1h"});
}

TEST_CASE("names and addresses lead to one service", "[config]") {
    const std::string backends = ", backends: ['10.0.0.1:80']}\n";
    const std::string belongs =
        " already belongs to a service, on line 3; an address can belong to only one service";
    const std::string head = "version: 1\nservices:\n  - {name: a, address: '10.96.0.1:80', protocol: ";
    CHECK(faults_of(head + "tcp" + backends + "  - {name: a, address: '10.96.0.2:80'" + backends) ==
          Lines{"4:12 name: a service 'a' is already on line 3; names must differ"});
    CHECK(faults_of(head + "any" + backends + "  - {name: b, address: '10.96.0.1:80', protocol: udp" +
                    backends) == Lines{"4:24 address: 10.96.0.1:80 over udp" + belongs});
    CHECK(faults_of(head + "tcp" + backends + "  - {name: b, address: '[::ffff:10.96.0.1]:80'" + backends) ==
          Lines{"4:24 address: 10.96.0.1:80 over tcp" + belongs});
    CHECK(load(head + "tcp" + backends + "  - {name: b, address: '10.96.0.1:80', protocol: udp" + backends)
              .model.services.size() == 2);
    CHECK(faults_of("version: 1\nservices:\n  - {name: b, address: ['10.1.1.1:1', '10.1.1.1:1']" +
                    backends) == Lines{"3:39 address: 10.1.1.1:1 over tcp" + belongs});
    CHECK(
        faults_of("version: 1\ndefaults: {address: '10.1.1.1:1'}\nservices:\n  - {name: a" + backends +
                  "  - {name: b" + backends) ==
        Lines{"2:21 address: 10.1.1.1:1 over tcp already belongs to a service, on line 2 too (inherited from "
              "'defaults'); an address can belong to only one service"});
}

TEST_CASE("backends differ in name and address within a service", "[config]") {
    const auto faults = [](const std::string& backends) {
        return faults_of("version: 1\nservices:\n- name: a\n  address: 10.96.0.1:80\n  backends:\n" +
                         backends);
    };
    CHECK(
        faults("  - 10.0.0.1:80\n  - {address: 10.0.0.1:80, name: b}\n") ==
        Lines{
            "7:15 address: the backend 10.0.0.1:80 is already on line 6; give it a larger 'weight' instead"});
    CHECK(faults("  - {address: 10.0.0.1:80, name: b}\n  - {address: 10.0.0.2:80, name: b}\n") ==
          Lines{"7:34 name: a backend 'b' is already on line 6; names must differ within a service"});
    CHECK(
        faults("  - 10.0.0.1:80\n  - {address: 10.0.0.2:80, name: '10.0.0.1:80'}\n") ==
        Lines{"7:34 name: a backend '10.0.0.1:80' is already on line 6; names must differ within a service"});
    CHECK(faults("  - {address: 10.0.0.1:80, weight: 257, priority: 256, state: up}\n") ==
          Lines{"6:36 weight: '257' is out of range; write a whole number from 0 to 256",
                "6:51 priority: '256' is out of range; write a whole number from 0 to 255",
                "6:63 state: 'up' is not a choice; did you mean 'ready'?"});
}

TEST_CASE("what defaults multiply is bounded [E38]", "[config]") {
    std::string text = "version: 1\ndefaults:\n  backends:\n";
    for (int i = 0; i < 40'000; ++i) text += fmt::format("    - 10.0.{}.{}:80\n", i / 256, i % 256);
    text += "services:\n";
    for (int i = 0; i < 3'000; ++i)
        text += fmt::format("  - {{name: s{}, address: '11.0.{}.{}:80'}}\n", i, i / 256, i % 256);
    CHECK(faults_of(text) ==
          Lines{"40006:5 with this service there are more than 65536 backends; spread them over "
                "several instances"});
    text = "version: 1\ndefaults: {backends: ['10.0.0.1:80', '10.0.0.2:80']}\nservices:\n";
    for (int i = 0; i <= 4096; ++i)
        text += fmt::format("  - {{name: s{}, address: '11.0.{}.{}:80'}}\n", i, i / 256, i % 256);
    CHECK(faults_of(text) == Lines{"4100:5 there are 4097 services; at most 4096 are allowed"});
}

TEST_CASE("outlier detection: defaults, all settings, and their ranges", "[config]") {
    using namespace std::chrono_literals;
    CHECK(service_with("outlier_detection: {}").outlier_detection == lb::OutlierDetection{});
    const auto all =
        service_with(
            "outlier_detection: {enabled: false, consecutive_connect_failures: 6, interval: 11s, "
            "base_ejection_time: 31s, max_ejection_time: 301s, max_ejection_percent: 11}")
            .outlier_detection;
    CHECK(all == lb::OutlierDetection{false, 6, 11s, 31s, 301s, 11});
    CHECK(fault_of("outlier_detection: {max_ejection_percent: 101}").starts_with("6:47 "));
    CHECK(fault_of("outlier_detection: {consecutive_connect_failures: 0}").starts_with("6:55 "));
    CHECK(fault_of("outlier_detection: {interval: 9ms}").starts_with("6:35 "));
}

}  // namespace
}  // namespace reseat::config
