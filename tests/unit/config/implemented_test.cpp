// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

namespace reseat::config {
namespace {

TEST_CASE("what nothing acts on yet is refused when a service writes it", "[config]") {
    const std::pair<const char*, const char*> cases[] = {
        {"lb_policy: least_conn",
         "6:16 lb_policy: least_conn or maglev is not implemented yet; write round_robin or random"},
        {"lb_policy: maglev",
         "6:16 lb_policy: least_conn or maglev is not implemented yet; write round_robin or random"},
        {"hash_key: process",
         "6:15 hash_key: any value but uid is not implemented yet; write uid or remove the key"},
        {"panic_threshold: 50",
         "6:22 panic_threshold: any value but 0 is not implemented yet; write 0 or remove the key"},
        {"slow_start: 5s",
         "6:17 slow_start: any value but 0s is not implemented yet; write 0s or remove the key"},
        {"health_check: {type: grpc}",
         "6:26 type: grpc is not implemented yet; write tcp, which only sees whether "
         "the port accepts"},
        {"health_check: {type: exec}", "6:26 type: exec is not implemented yet; write tcp, http or udp"},
        {"health_check: {http: {tls: true}}",
         "6:32 tls: any value but false is not implemented yet; write false or remove the key"},
        {"health_check: {grpc: {service: x}}",
         "6:36 service: any value but \"\" is not implemented yet; write \"\" or remove the key"},
        {"health_check: {exec: {command: [/x]}}",
         "6:36 command: any value but [] is not implemented yet; write [] or remove the key"},
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

TEST_CASE("backends by DNS name are refused, with the port judged", "[config]") {
    const auto faults = [](const std::string& backend) {
        return faults_of("version: 1\nservices:\n- name: a\n  address: 10.96.0.1:80\n  backends:\n  - " +
                         backend + "\n");
    };
    CHECK(faults("pg.internal:5432") ==
          Lines{"6:5 address: a DNS name is not implemented yet; write IP addresses"});
    CHECK(faults("{address: pg_1.internal.:5432, priority: 1}") ==
          Lines{"6:15 address: a DNS name is not implemented yet; write IP addresses"});
    CHECK(faults("{srv: _pg._tcp.internal}") ==
          Lines{"6:11 srv: a DNS name is not implemented yet; write IP addresses"});
    CHECK(faults("{srv: pg.internal}") ==
          Lines{"6:11 srv: 'pg.internal' is not the name of an SRV record; write it as _pg._tcp.internal"});
    CHECK(faults("{srv: _pg._tcp.internal, address: 10.0.0.1:80}").front() ==
          "6:5 a backend has either 'address' or 'srv', not both; remove one");
    CHECK(faults("pg.internal:0") == Lines{"6:5 backends: 'pg.internal:0' has no port between 1 and 65535"});
    CHECK(faults("10.0.0.256:80") ==
          Lines{"6:5 backends: '10.0.0.256:80' does not start with an IP address"});
    CHECK(faults("pg..internal:80").size() == 1);
}

TEST_CASE("their defaults, and what comes to the same, are accepted in writing", "[config]") {
    load(
        "version: 1\n"
        "workload: {exit_when_idle: 0s}\nadmin: {address: ''}\npin: off\non_exit: detach\nmptcp: allow\n"
        "policies: []\n"
        "services:\n"
        "  - {name: a, address: '10.96.0.1:80', backends: ['10.0.0.1:80'], hash_key: uid, panic_threshold: "
        "0,\n"
        "     slow_start: 0s,\n"
        "     connections: {on_ejected: keep, on_remove: drain, on_recover: keep, drain_quiet: 0s,\n"
        "     close_spread: auto, untracked: keep}, health_check: {http: {tls: false}, grpc: {service: ''},\n"
        "     exec: {command: []}}}\n");
    load(plain_service + "    connections: {drain_quiet: 1s, close_spread: 1s}\n");
    load("version: 1\nservices: []\npin: auto\non_exit: auto\n");
}

}  // namespace
}  // namespace reseat::config
