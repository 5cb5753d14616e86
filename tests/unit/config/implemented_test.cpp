// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

namespace reseat::config {
namespace {

TEST_CASE("what nothing acts on yet is refused when a service writes it", "[config]") {
    const std::pair<const char*, const char*> cases[] = {
        {"outlier_detection: {consecutive_connect_failures: 6}",
         "6:55 consecutive_connect_failures: any value but 5 is not implemented yet; write 5 or remove the "
         "key"},
        {"outlier_detection: {interval: 11s}",
         "6:35 interval: any value but 10s is not implemented yet; write 10s or remove the key"},
        {"outlier_detection: {base_ejection_time: 31s}",
         "6:45 base_ejection_time: any value but 30s is not implemented yet; write 30s or remove the key"},
        {"outlier_detection: {max_ejection_time: 301s}",
         "6:44 max_ejection_time: any value but 300s is not implemented yet; write 300s or remove the key"},
        {"outlier_detection: {max_ejection_percent: 11}",
         "6:47 max_ejection_percent: any value but 10 is not implemented yet; write 10 or remove the key"},
    };
    for (const auto& [line, fault] : cases) CHECK(fault_of(line) == fault);
}

TEST_CASE("what nothing acts on yet is refused for the process too", "[config]") {
    const auto fault = [](const std::string& line) {
        const auto faults = faults_of("version: 1\nservices: []\n" + line + "\n");
        return faults.size() == 1 ? faults[0] : "";
    };
    CHECK(fault("admin: {address: 0.0.0.0:9901}") ==
          "3:18 address: any value but \"\" is not implemented yet; write \"\" or remove the key");
}

TEST_CASE("keeping what is not pinned is a contradiction", "[config]") {
    CHECK(faults_of("version: 1\nservices: []\npin: off\non_exit: keep\n") ==
          Lines{"4:10 on_exit: keep needs something pinned; write 'pin: auto' or a directory"});
    load("version: 1\nservices: []\npin: /sys/fs/bpf/x\non_exit: keep\n");
    load("version: 1\nservices: []\nworkload: {exit_when_idle: 5s}\non_exit: keep\n");
}

TEST_CASE("their defaults, and what comes to the same, are accepted in writing", "[config]") {
    load(
        "version: 1\n"
        "workload: {exit_when_idle: 0s}\nadmin: {address: ''}\npin: off\non_exit: detach\nmptcp: allow\n"
        "policies: []\n"
        "services:\n"
        "  - {name: a, address: '10.96.0.1:80', backends: ['10.0.0.1:80'], panic_threshold: 0,\n"
        "     slow_start: 0s, outlier_detection: {enabled: false, consecutive_connect_failures: 5, interval: "
        "10s,\n"
        "     base_ejection_time: 30s, max_ejection_time: 5m, max_ejection_percent: 10},\n"
        "     connections: {on_ejected: keep, on_remove: drain, on_recover: keep, drain_quiet: 0s,\n"
        "     close_spread: auto, untracked: keep}, health_check: {http: {tls: false}, grpc: {service: ''},\n"
        "     exec: {command: []}}}\n");
    load(plain_service + "    outlier_detection: {enabled: true}\n");
    load(plain_service + "    connections: {drain_quiet: 1s, close_spread: 1s}\n");
    load("version: 1\nservices: []\npin: auto\non_exit: auto\n");
}

}  // namespace
}  // namespace reseat::config
