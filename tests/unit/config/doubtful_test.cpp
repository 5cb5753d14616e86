// SPDX-License-Identifier: Apache-2.0
#include "config/checks/local_listeners.hpp"
#include "tests/unit/config/support.hpp"

#include <filesystem>

namespace reseat::config {
namespace {

Lines warnings_with(const std::string& line) {
    return warnings_of(plain_service + "    " + line + "\n");
}

TEST_CASE("a sound file has no warnings", "[config]") {
    CHECK(warnings_of(plain_service).empty());
}

TEST_CASE("a timeout longer than the interval is doubtful", "[config]") {
    const std::string warning =
        "timeout: is longer than the interval, so a check may still be running when the next one is due; "
        "make it shorter";
    CHECK(warnings_with("health_check: {interval: 2s, timeout: 3s}") == Lines{"6:43 " + warning});
    CHECK(warnings_with("health_check: {interval: 500ms}") == Lines{"6:30 " + warning});
    CHECK(warnings_with("health_check: {interval: 3s, timeout: 3s}").empty());
    CHECK(warnings_with("health_check: {interval: 500ms, type: none}").empty());
}

TEST_CASE("a udp check that expects nothing is doubtful", "[config]") {
    const std::string warning =
        "health_check: a udp check without 'expect' does not detect a host that vanished, only one that "
        "answers 'port "
        "unreachable'; write udp: {send: ..., expect: ...}";
    CHECK(warnings_with("protocol: udp") == Lines{"3:11 " + warning});
    CHECK(warnings_with("health_check: {type: udp}") == Lines{"6:26 " + warning});
    CHECK(warnings_with("protocol: any") == Lines{"3:11 " + warning});
    CHECK(warnings_with("protocol: udp\n    health_check: {udp: {send: a, expect: b}}").empty());
}

TEST_CASE("settings of a check that does not run are doubtful", "[config]") {
    CHECK(warnings_with("health_check: {http: {path: /x}}") ==
          Lines{"6:26 health_check: these settings have no effect, as the check's type is tcp; write 'type: "
                "http' or "
                "remove them"});
    CHECK(warnings_with("health_check: {type: http, http: {path: /x}}").empty());
    CHECK(
        warnings_of("version: 1\ndefaults: {health_check: {http: {path: /x}}}\nservices: [{name: a, address: "
                    "'10.96.0.1:80', backends: ['10.0.0.1:80', '10.0.0.2:80']}]\n")
            .empty());
}

TEST_CASE("addresses that lead nowhere good are doubtful", "[config]") {
    const auto warnings = [](const std::string& address, const std::string& backends) {
        return warnings_of("version: 1\nservices:\n- name: a\n  address: " + address +
                           "\n  backends: " + backends + "\n");
    };
    const std::string two = "[10.0.0.1:80, 10.0.0.2:80]";
    CHECK(warnings("127.0.0.1:80", two) == Lines{"4:12 address: 127.0.0.1:80 is a loopback address, where "
                                                 "other programs may expect a server of their "
                                                 "own; choose one from a range set aside"});
    CHECK(warnings("[10.96.0.1:80, '[fd00::1]:80']", two) ==
          Lines{"4:27 address: no backend has an IPv6 address, so connects to it are refused; add such a "
                "backend"});
    CHECK(warnings("10.96.0.1:80", "[10.0.0.1:80]") ==
          Lines{"3:9 backends: there is only one, so clients have nowhere to go when it fails"});
    CHECK(warnings("10.96.0.1:80", "[10.0.0.1:80, 10.96.0.1:80]") ==
          Lines{"5:27 backends: 10.96.0.1:80 is the address of this very service; a backend is never "
                "translated again, "
                "so write the address of a real server"});
    CHECK(
        warnings("10.96.0.1:80", "[{address: 10.0.0.1:80, weight: 0}, {address: 10.0.0.2:80, weight: 0}]") ==
        Lines{"3:9 backends: each has weight 0, so none gets a connection"});
    CHECK(warnings_of(plain_service + "  - {name: b, address: '10.96.0.2:80', backends: ['10.0.0.1:80', "
                                      "'10.96.0.1:80']}\n") ==
          Lines{"6:66 backends: 10.96.0.1:80 is the address of the service 'web'; a backend is never "
                "translated again, "
                "so write the address of a real server"});
    CHECK(warnings_of(plain_service +
                      "  - {name: b, address: '10.96.0.2:80', protocol: udp, health_check: {type: none},"
                      " backends: ['10.0.0.1:80', '10.96.0.1:80']}\n")
              .empty());
}

TEST_CASE("re-pointing on the ports of session protocols is doubtful", "[config]") {
    for (const int port : {443, 853, 4433}) {
        const auto text = [&](const std::string& more) {
            return fmt::format(
                "version: 1\nservices:\n- name: a\n  address: 10.96.0.1:{}\n  backends: [10.0.0.1:80, "
                "10.0.0.2:80]\n  health_check: {{type: none}}\n  {}\n",
                port, more);
        };
        CHECK(warnings_of(text("protocol: any")) ==
              Lines{fmt::format("4:12 connections: port {} is usually QUIC or DTLS, whose sessions do not "
                                "survive a re-point; write udp: terminate",
                                port)});
        CHECK(warnings_of(text("protocol: tcp")).empty());
        CHECK(warnings_of(text("protocol: udp\n  connections: {udp: terminate}")).empty());
    }
}

TEST_CASE("a file without services is doubtful, not wrong", "[config]") {
    CHECK(warnings_of("version: 1\nservices: []\n") ==
          Lines{"2:11 services: is empty, so nothing is balanced"});
    const auto outcome = load_text("version: 1\nservices: []\n", "f");
    CHECK(to_string(outcome.loaded->warnings.at(0)) ==
          "f:2:11: warning: services: is empty, so nothing is balanced");
}

TEST_CASE("services with nothing behind it is wrong: a template may have lost them", "[config]") {
    const std::string lost = "2:1 services: has no value; write 'services: []' if none is meant";
    CHECK(faults_of("version: 1\nservices:\n") == Lines{lost});
    CHECK(faults_of("version: 1\nservices: null\n").size() == 1);
    CHECK(faults_of("version: 1\nservices:\n  # - name: web\npolicies: []\n") == Lines{lost});
}

TEST_CASE("a service address that a local program uses is found in /proc/net", "[config]") {
    const std::string header = "  sl  local_address rem_address   st tx_queue rx_queue\n";
    const auto loaded = load(
        "version: 1\nservices:\n"
        "- {name: a, protocol: any, address: ['10.96.0.1:80', '127.0.0.1:81', '[fd00::1]:82', '[::1]:83'],\n"
        "   backends: ['10.0.0.1:80', '[fd00::2]:80']}\n");
    const auto found = [&](const ProcNet& sockets) { return brief(warn_local_listeners(loaded, sockets)); };
    const auto uses = [](const std::string& what) {
        return "address: a program on this host already uses " + what +
               "; the workload would no longer reach it; choose another address";
    };
    CHECK(found({}).empty());
    CHECK(found({.tcp = header + "   0: 0100600A:0050 00000000:0000 0A 0\n"}) ==
          Lines{"3:38 " + uses("10.96.0.1:80 over tcp")});
    CHECK(found({.tcp = header + "   0: 0100600A:0050 00000000:0000 01 0\n"}).empty());  // established
    CHECK(found({.udp = header + "  10: 0100600A:0050 00000000:0000 07 0\n"}) ==
          Lines{"3:38 " + uses("10.96.0.1:80 over udp")});
    CHECK(
        found({.tcp = header +
                      "   0: 00000000:0051 00000000:0000 0A 0\n   1: 00000000:0050 00000000:0000 0A 0\n"}) ==
        Lines{"3:54 " + uses("127.0.0.1:81 over tcp")});
    const std::string rest = " 00000000000000000000000000000000:0000 0A 0\n";
    CHECK(found({.tcp6 = header + "   0: 000000FD000000000000000001000000:0052" + rest}) ==
          Lines{"3:70 " + uses("[fd00::1]:82 over tcp")});
    CHECK(found({.tcp6 = header + "   0: 00000000000000000000000000000000:0053" + rest +
                         "   0: 00000000000000000000000000000000:0051" + rest}) ==
          Lines{"3:54 " + uses("127.0.0.1:81 over tcp"), "3:86 " + uses("[::1]:83 over tcp")});
    CHECK(found({.tcp6 = header + "   0: 0000000000000000FFFF00000100600A:0050" + rest}) ==
          Lines{"3:38 " + uses("10.96.0.1:80 over tcp")});
    CHECK(found({.tcp = "\n:\n0: x:y z 0A\n0: 0100600A:0 0 0A\n0: 0100600A:FFFFF 0 0A\n",
                 .tcp6 = "0A 0A 0A 0A"})
              .empty());
    CHECK(read_proc_net("/nowhere").tcp.empty());
}

TEST_CASE("the example shows every option, loads without a warning and shows their defaults", "[config]") {
    const auto path = std::filesystem::path("config/example.yaml");
    const auto outcome = load_file(path.lexically_normal());
    INFO(fmt::format("{}", fmt::join(brief(outcome.faults), "\n")));
    REQUIRE(outcome);
    CHECK(brief(outcome.loaded->warnings).empty());
    const auto& services = outcome.loaded->model.services;
    REQUIRE(services.size() == 5);
    const lb::HealthCheck check;
    const lb::Connections connections;
    CHECK(services[0].health_check.interval == check.interval);
    CHECK(services[0].health_check.fast_interval == check.fast_interval);
    CHECK(services[0].health_check.unhealthy_interval == check.unhealthy_interval);
    CHECK(services[0].health_check.timeout == check.timeout);
    CHECK(services[0].health_check.unhealthy_threshold == check.unhealthy_threshold);
    CHECK(services[0].health_check.healthy_threshold == check.healthy_threshold);
    CHECK(services[0].health_check.jitter_percent == check.jitter_percent);
    CHECK(services[0].connections.on_unreachable == connections.on_unreachable);
    CHECK(services[0].connections.on_refused == connections.on_refused);
    CHECK(services[0].connections.on_check_failed == connections.on_check_failed);
    CHECK(services[0].connections.on_unresponsive == connections.on_unresponsive);
    CHECK(services[0].connections.on_drain == connections.on_drain);
    CHECK(services[0].connections.udp == connections.udp);
    CHECK(services[0].connections.drain_timeout == connections.drain_timeout);
    CHECK(services[1].health_check.http.expected_statuses == check.http.expected_statuses);
    CHECK(services[3].health_check.udp.send.size() == 17);  // a DNS header and one question for the root
}

}  // namespace
}  // namespace reseat::config
