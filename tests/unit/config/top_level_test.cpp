// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

TEST_CASE("the admin interface listens on an address, if there is one", "[config]") {
    const auto address = [](const std::string& text) {
        return load("version: 1\nadmin: {address: '" + text + "'}\nservices: []\n").model.admin_address;
    };
    CHECK(address("127.0.0.1:9901") == *parse_endpoint("127.0.0.1:9901"));
    CHECK(address("[::1]:9901") == *parse_endpoint("[::1]:9901"));
    CHECK(address("0.0.0.0:9901") == *parse_endpoint("0.0.0.0:9901"));
    CHECK_FALSE(address(""));
    CHECK_FALSE(load(plain_service).model.admin_address);
    CHECK(faults_of("version: 1\nadmin: {address: localhost:9901}\nservices: []\n").size() == 1);
    CHECK(faults_of("version: 1\nadmin: {address: [127.0.0.1:9901]}\nservices: []\n").size() == 1);
}

TEST_CASE("an admin address that others can reach is doubtful", "[config]") {
    const auto warnings = [](const std::string& text) {
        return warnings_of("version: 1\nadmin: {address: '" + text + "'}\n" + plain_service.substr(11));
    };
    CHECK(warnings("127.0.0.1:9901").empty());
    CHECK(warnings("[::1]:9901").empty());
    CHECK(warnings("").empty());
    for (const auto* open : {"0.0.0.0:9901", "10.0.0.1:9901", "[::]:9901"}) {
        const auto told = warnings(open);
        REQUIRE(told.size() == 1);
        CHECK_THAT(told[0], Catch::StartsWith("2:18 address: " + std::string(open) + " is not a loopback"));
    }
}

TEST_CASE("keeping what is not pinned is a contradiction", "[config]") {
    CHECK(faults_of("version: 1\nservices: []\npin: off\non_exit: keep\n") ==
          Lines{"4:10 on_exit: keep requires pinning; write 'pin: auto' or a directory"});
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
