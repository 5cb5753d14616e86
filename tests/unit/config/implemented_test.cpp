// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

namespace reseat::config {
namespace {

TEST_CASE("what nothing acts on yet is refused", "[config]") {
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
        "     slow_start: 0s,\n"
        "     connections: {on_ejected: keep, on_remove: drain, on_recover: keep, drain_quiet: 0s,\n"
        "     close_spread: auto, untracked: keep}, health_check: {http: {tls: false}, grpc: {service: ''},\n"
        "     exec: {command: []}}}\n");
    load(plain_service + "    connections: {drain_quiet: 1s, close_spread: 1s}\n");
    load("version: 1\nservices: []\npin: auto\non_exit: auto\n");
}

}  // namespace
}  // namespace reseat::config
