// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

const std::string head = "version: 1\nservices: []\n";

TEST_CASE("an unknown key is an error at every level, with what was meant", "[config]") {
    CHECK(faults_of(head + "srvices: []\n") ==
          Lines{"3:1 unknown key 'srvices' in the file; did you mean 'services'?"});
    CHECK(faults_of(head + "workload: {cgruop: /x}\n") ==
          Lines{"3:12 unknown key 'cgruop' in workload; did you mean 'cgroup'?"});
    CHECK(faults_of(head + "admin: {adress: ''}\n") ==
          Lines{"3:9 unknown key 'adress' in admin; did you mean 'address'?"});
    CHECK(faults_of(head + "log: {Level: info}\n") ==
          Lines{"3:7 unknown key 'Level' in log; did you mean 'level'?"});
    CHECK(faults_of(head + "defaults: {healthCheck: {}}\n") ==
          Lines{"3:12 unknown key 'healthCheck' in defaults; did you mean 'health_check'?"});
    CHECK(fault_of("lbpolicy: random") ==
          "6:5 unknown key 'lbpolicy' in a service; did you mean 'lb_policy'?");
    CHECK(fault_of("connections: {on-drain: keep}") ==
          "6:19 unknown key 'on-drain' in connections; did you mean 'on_drain'?");
    CHECK(fault_of("outlier_detection: {enable: true}") ==
          "6:25 unknown key 'enable' in outlier_detection; did you mean 'enabled'?");
    for (const std::string place : {"tcp", "udp"})
        CHECK(fault_of("health_check: {" + place + ": {sned: x}}") ==
              "6:26 unknown key 'sned' in " + place + "; did you mean 'send'?");
    CHECK(fault_of("health_check: {http: {expect: x}}") ==
          "6:27 unknown key 'expect' in http; write one of: path, method, host, headers, expected_statuses, "
          "expect_body, tls");
    CHECK(fault_of("health_check: {grpc: {svc: x}}") ==
          "6:27 unknown key 'svc' in grpc; write one of: service, tls");
    CHECK(fault_of("health_check: {exec: {cmd: x}}") ==
          "6:27 unknown key 'cmd' in exec; write one of: command");
}

TEST_CASE("words from other load balancers lead to ours", "[config]") {
    const std::pair<const char*, const char*> checks[] = {{"rise", "healthy_threshold"},
                                                          {"fall", "unhealthy_threshold"},
                                                          {"inter", "interval"},
                                                          {"fastinter", "fast_interval"},
                                                          {"periodSeconds", "interval"},
                                                          {"timeoutSeconds", "timeout"},
                                                          {"failureThreshold", "unhealthy_threshold"},
                                                          {"successThreshold", "healthy_threshold"}};
    for (const auto& [theirs, ours] : checks)
        CHECK(fault_of(fmt::format("health_check: {{{}: 1}}", theirs)) ==
              fmt::format("6:20 unknown key '{}' in health_check; did you mean '{}'?", theirs, ours));
    const std::pair<const char*, const char*> services[] = {
        {"servers", "backends"},  {"endpoints", "backends"}, {"upstreams", "backends"},
        {"targets", "backends"},  {"vip", "address"},        {"listen", "address"},
        {"balance", "lb_policy"}, {"algorithm", "lb_policy"}};
    for (const auto& [theirs, ours] : services)
        CHECK(fault_of(fmt::format("{}: 1", theirs)) ==
              fmt::format("6:5 unknown key '{}' in a service; did you mean '{}'?", theirs, ours));
    CHECK(fault_of("rise: 2") ==
          "6:5 unknown key 'rise' in a service; did you mean 'healthy_threshold' under 'health_check'?");
}

TEST_CASE("what must be there and is not is an error where it belongs", "[config]") {
    CHECK(faults_of("log: {}\n") ==
          Lines{"1:1 the file has no 'services'; add a list of them, or 'services: []' for none",
                "1:1 the file has no 'version'; add 'version: 1' at its top"});
    CHECK(faults_of("version: 2\nservices: []\n") == Lines{"1:10 version: '2' is out of range; write 1"});
    CHECK(faults_of("version: 1\nservices:\n  - {}\n") ==
          Lines{"3:5 the service has no 'address'; add one, as in 'address: 10.96.0.10:80'",
                "3:5 the service has no 'backends'; add one, as in 'backends: [10.0.1.11:80]'",
                "3:5 the service has no 'name'; add one, as in 'name: web'"});
    CHECK(faults_of("version: 1\nservices:\n  - {name: a, address: '10.1.1.1:80', backends: [{}]}\n") ==
          Lines{"3:50 the backend has no 'address'; add one, as in 'address: 10.0.1.11:80'"});
    CHECK(faults_of("version: 1\nservices:\n  - {name: a, address: '10.1.1.1:80', backends: []}\n") ==
          Lines{"3:49 backends: is empty; a service needs at least one backend"});
}

TEST_CASE("a list where a map is expected, or the reverse, is an error", "[config]") {
    CHECK(faults_of("- 1\n") == Lines{"1:1 the file: expected a map of keys, found a list"});
    CHECK(faults_of("hello\n") == Lines{"1:1 the file: expected a map of keys, found 'hello'"});
    CHECK(faults_of("version: 1\nservices: {a: 1}\n") ==
          Lines{"2:11 services: expected a list, found a map of keys"});
    CHECK(faults_of("version: 1\nservices: [web]\n") ==
          Lines{"2:12 a service: expected a map of keys, found 'web'"});
    CHECK(fault_of("health_check: tcp") == "6:19 health_check: expected a map of keys, found 'tcp'");
    CHECK(fault_of("connections: [a]") == "6:18 connections: expected a map of keys, found a list");
    CHECK(faults_of(head + "log: info\n") == Lines{"3:6 log: expected a map of keys, found 'info'"});
}

TEST_CASE("sections with only comments below are empty, not wrong", "[config]") {
    CHECK(load(head + "defaults:\n  # none\nlog:\nworkload:\npolicies:\n").model.services.empty());
}

TEST_CASE("all faults are told at once, each once, in the order of the file", "[config]") {
    CHECK(faults_of("log: {level: loud}\n"
                    "version: one\n"
                    "services:\n"
                    "  - name: a\n"
                    "    address: 10.1.1.1:80\n"
                    "    backends: [10.0.0.1:80, {address: nowhere, weight: 900}]\n"
                    "    health_check: {timeout: 0s, rise: 2}\n"
                    "  - name: a\n"
                    "    address: 10.1.1.1:80\n"
                    "    slow_start: 5\n"
                    "    backends: [10.0.0.1:80]\n") ==
          Lines{"1:14 level: 'loud' is not a choice; write one of: trace, debug, info, warn, error",
                "2:10 version: expected 1, found 'one'",
                "6:39 address: 'nowhere' has no port; write 1.2.3.4:80 or [fd00::1]:80",
                "6:56 weight: '900' is out of range; write a whole number from 0 to 256",
                "7:29 timeout: '0s' is out of range; write a duration from 1ms to 1h",
                "7:33 unknown key 'rise' in health_check; did you mean 'healthy_threshold'?",
                "8:11 name: a service 'a' is already on line 4; names must differ",
                "9:14 address: 10.1.1.1:80 over tcp already belongs to a service, on line 5; an address can "
                "belong to only one service",
                "10:17 slow_start: expected a duration with its unit, such as 5s, found '5'"});
}

TEST_CASE("a diagnostic reads as compilers write them", "[config]") {
    const auto outcome = load_text("version: 1\nservices: []\npni: auto\n", "dir/reseat.yaml");
    REQUIRE(outcome.faults.size() == 1);
    CHECK(to_string(outcome.faults[0]) ==
          "dir/reseat.yaml:3:1: error: unknown key 'pni' in the file; did you mean 'pin'?");
}

}  // namespace
}  // namespace reseat::config
