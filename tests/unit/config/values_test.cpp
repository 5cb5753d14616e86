// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

using namespace std::chrono_literals;

TEST_CASE("durations are read in every unit, alone and together", "[config]") {
    const std::pair<const char*, Duration> cases[] = {
        {"0s", 0s},     {"250ms", 250ms},        {"5s", 5s}, {"1m30s", 90s}, {"1h", 1h},
        {"\"2s\"", 2s}, {"1h2m3s4ms", 3723004ms}};
    for (const auto& [text, length] : cases)
        CHECK(service_with(fmt::format("connections: {{grace: {}}}", text)).connections.grace == length);
}

TEST_CASE("what is not a duration is an error at its position", "[config]") {
    const auto fault = [](const std::string& text) { return fault_of("connections: {grace: " + text + "}"); };
    const std::string expected = "6:26 grace: expected a duration such as 250ms, 5s or 1m30s, found ";
    CHECK(fault("5") == "6:26 grace: expected a duration with its unit, such as 5s, found '5'");
    CHECK(fault("5d") == expected + "'5d'");
    CHECK(fault("1.5s") == expected + "'1.5s'");
    CHECK(fault("-1s") == expected + "'-1s'");
    CHECK(fault("30s1m") == expected + "'30s1m'");
    CHECK(fault("1s1s") == expected + "'1s1s'");
    CHECK(fault("s") == expected + "'s'");
    CHECK(fault("5 s") == expected + "'5 s'");
    CHECK(fault("\"\"") == expected + "the quoted text ''");
    CHECK(fault("[5s]") == expected + "a list");
    CHECK(fault("{}") == expected + "a map of keys");
    CHECK(fault("~") == "6:19 grace: expected a duration such as 250ms, 5s or 1m30s, found nothing");
    CHECK(fault("24h1ms") == "6:26 grace: '24h1ms' is out of range; write a duration from 0s to 24h");
    CHECK(fault("9999999999999999999999s") ==
          "6:26 grace: '9999999999999999999999s' is out of range; write a duration from 0s to 24h");
    CHECK(fault("9000000000h9000000000m") ==
          "6:26 grace: '9000000000h9000000000m' is out of range; write a duration from 0s to 24h");
}

TEST_CASE("both ends of every range are accepted and what is beyond is not", "[config]") {
    struct Range {
        std::string line, least, most, below, beyond;
    };
    const Range ranges[] = {
        {"health_check: {{interval: {}}}", "10ms", "24h", "9ms", "24h1ms"},
        {"health_check: {{fast_interval: {}}}", "10ms", "24h", "0s", "25h"},
        {"health_check: {{unhealthy_interval: {}}}", "10ms", "24h", "0s", "25h"},
        {"health_check: {{timeout: {}}}", "1ms", "1h", "0s", "1h1s"},
        {"health_check: {{unhealthy_threshold: {}}}", "1", "100", "0", "101"},
        {"health_check: {{healthy_threshold: {}}}", "1", "100", "0", "101"},
        {"health_check: {{jitter_percent: {}}}", "0", "100", "-1", "101"},
        {"health_check: {{port: {}}}", "0", "65535", "-1", "65536"},
        {"connections: {{drain_timeout: {}}}", "0s", "168h", "", "168h1s"},
    };
    for (const auto& range : ranges) {
        service_with(fmt::format(fmt::runtime(range.line), range.least));
        service_with(fmt::format(fmt::runtime(range.line), range.most));
        for (const auto& out : {range.below, range.beyond}) {
            if (out.empty()) continue;
            const auto at = fmt::format("6:{} ", 5 + range.line.rfind(": ") + 2 - 1);
            const auto fault = fault_of(fmt::format(fmt::runtime(range.line), out));
            CHECK_THAT(fault,
                       Catch::StartsWith(at) && Catch::Contains("'" + out + "' is out of range; write a"));
        }
    }
}

TEST_CASE("what is not a whole number is an error at its position", "[config]") {
    const auto fault = [](const std::string& text) { return fault_of("health_check: {port: " + text + "}"); };
    const std::string expected = "6:26 port: expected a whole number from 0 to 65535";
    CHECK(fault("\"80\"") == expected + " without quotes, found the quoted text '80'");
    CHECK(fault("http") == expected + ", found 'http'");
    CHECK(fault("0x50") == expected + ", found '0x50'");
    CHECK(fault("080") == expected + ", found '080'");
    CHECK(fault("8e1") == expected + ", found '8e1'");
    CHECK(fault("80.0") == expected + ", found '80.0'");
    CHECK(fault("+80") == expected + ", found '+80'");
    CHECK(fault("[80]") == expected + ", found a list");
    CHECK(fault("99999999999999999999") ==
          "6:26 port: '99999999999999999999' is out of range; write a whole number from 0 to 65535");
}

TEST_CASE("true and false are the only truth values", "[config]") {
    CHECK(service_with("connections: {only_if_alternative: true}").connections.only_if_alternative);
    CHECK_FALSE(service_with("connections: {only_if_alternative: false}").connections.only_if_alternative);
    for (const std::string wrong : {"yes", "on", "True", "1"})
        CHECK(fault_of("connections: {only_if_alternative: " + wrong + "}") ==
              "6:40 only_if_alternative: expected true or false (without quotes), found '" + wrong + "'");
    CHECK(fault_of("connections: {only_if_alternative: \"true\"}") ==
          "6:40 only_if_alternative: expected true or false (without quotes), found the quoted text 'true'");
}

TEST_CASE("a word that is not a choice is answered with the one that was meant", "[config]") {
    CHECK(fault_of("protocol: TCP") == "6:15 protocol: 'TCP' is not a choice; did you mean 'tcp'?");
    CHECK(fault_of("lb_policy: roundrobin") ==
          "6:16 lb_policy: 'roundrobin' is not a choice; did you mean 'round_robin'?");
    CHECK(fault_of("lb_policy: leastconn") ==
          "6:16 lb_policy: 'leastconn' is not a choice; did you mean 'least_conn'?");
    CHECK(fault_of("on_no_healthy: fail-open") ==
          "6:20 on_no_healthy: 'fail-open' is not a choice; did you mean 'fail_open'?");
    CHECK(fault_of("connections: {on_drain: abort}") ==
          "6:29 on_drain: 'abort' is not a choice; did you mean 'terminate'?");
    CHECK(fault_of("connections: {udp: re-point}") ==
          "6:24 udp: 're-point' is not a choice; did you mean 'repoint'?");
    CHECK(fault_of("health_check: {type: htpp}") ==
          "6:26 type: 'htpp' is not a choice; did you mean 'http'?");
    CHECK(fault_of("health_check: {type: banana}") ==
          "6:26 type: 'banana' is not a choice; write one of: tcp, http, grpc, udp, exec, none");
    CHECK(fault_of("health_check: {type: [tcp]}") ==
          "6:26 type: expected one of tcp, http, grpc, udp, exec, none, found a list");
}

TEST_CASE("addresses are judged at their own position, also within a list", "[config]") {
    const std::string service = "version: 1\nservices:\n  - {name: a, backends: ['10.0.0.1:80'], address: ";
    CHECK(faults_of(service + "10.1.1.1}\n") ==
          Lines{"3:51 address: '10.1.1.1' has no port; write 1.2.3.4:80 or [fd00::1]:80"});
    CHECK(
        faults_of(service + "[10.1.1.1:80, '10.1.1.1:0', 'fd00::1:80', x.y:1]}\n") ==
        Lines{
            "3:65 address: '10.1.1.1:0' has no port between 1 and 65535",
            "3:79 address: 'fd00::1:80' is ambiguous; write an IPv6 address in brackets, as in [fd00::1]:80",
            "3:93 address: 'x.y:1' does not start with an IP address"});
    CHECK(faults_of(service + "[0.0.0.0:80, '[::]:80', 224.0.0.1:80, '[ff02::1]:80']}\n").size() == 4);
    CHECK(
        faults_of(service + "224.0.0.1:80}\n") ==
        Lines{"3:51 address: '224.0.0.1:80' is a multicast address, which nothing can connect to; write the "
              "address of one host"});
    CHECK(faults_of(service + "[]}\n") ==
          Lines{"3:51 address: is an empty list; a service needs at least one address"});
    CHECK(faults_of(service + "{a: 1}}\n") ==
          Lines{"3:51 address: expected an address such as 1.2.3.4:80 or [fd00::1]:80, found a map of keys"});
    CHECK(faults_of(service + "\"1.2.3.4:80\\0\"}\n") ==
          Lines{"3:51 address: contains a control character; remove it"});
    CHECK(faults_of(service + std::string(100, '1') + "}\n").size() == 1);
}

TEST_CASE("names are short and safe in a URL", "[config]") {
    const auto text = [](const std::string& name) {
        return "version: 1\nservices: [{address: '10.1.1.1:80', backends: ['10.0.0.1:80'], name: " + name +
               "}]\n";
    };
    CHECK(load(text("A_b.c:d-1")).model.services[0].name == "A_b.c:d-1");
    CHECK(load(text(std::string(63, 'x'))).model.services[0].name.size() == 63);
    for (const auto& wrong :
         {std::string("-a"), std::string("a/b"), std::string("a b"), std::string("é"), std::string(64, 'x')})
        CHECK(
            faults_of(text(wrong)) ==
            Lines{"2:70 name: '" + wrong.substr(0, 60) + (wrong.size() > 60 ? "..." : "") +
                  "' is not a name; use up to 63 letters, digits, '_', '.', ':' and '-', the first a letter "
                  "or a digit"});
    CHECK(faults_of(text("''")) == Lines{"2:70 name: is empty; write a value or remove the key"});
}

TEST_CASE("HTTP checks refuse what would not be one well-formed request", "[config]") {
    const auto fault = [](const std::string& text) {
        return fault_of("health_check: {type: http, http: {" + text + "}}");
    };
    CHECK(fault("path: x") == "6:45 path: 'x' is not a path; start it with '/' and write spaces as %20");
    CHECK(fault("path: \"/a?token= b\"") ==
          "6:45 path: '/a' is not a path; start it with '/' and write spaces as %20");
    CHECK(fault("path: /a b") ==
          "6:45 path: '/a b' is not a path; start it with '/' and write spaces as %20");
    CHECK(fault("path: \"/\\r\\nX: y\"") == "6:45 path: contains a control character; remove it");
    CHECK(fault("method: get") ==
          "6:47 method: 'get' is not a choice; write one of: GET, HEAD, OPTIONS, POST, PUT");
    CHECK(fault("host: http://x") ==
          "6:45 host: 'http://x' is not a host name; write it as in a URL, without scheme and path");
    CHECK(fault("headers: {\"a b\": c}") == "6:49 headers: 'a b' is not the name of a header");
    CHECK(fault("headers: {Host: c}") ==
          "6:49 headers: 'Host' has an option of its own; write 'host' beside 'headers'");
    CHECK(fault("headers: {Connection: c}") ==
          "6:49 headers: 'Connection' is set by the check itself; remove it");
    CHECK(fault("headers: {A: \"x\\ny\"}") == "6:52 A: contains a control character; remove it");
    CHECK(fault("headers: {\"A: x\": y}") ==
          "6:49 headers: name and value are in one text; write 'name: value' without quotes");
    CHECK(fault("headers: [a]") == "6:48 headers: expected a map of names and values");
    CHECK(fault("expected_statuses: []") ==
          "6:58 expected_statuses: expected a list of 1 to 32 ranges, such as [200-399], found a list");
    for (const std::string wrong : {"99", "600", "399-200", "20x", "200-", "-200", "2000", "200-600"})
        CHECK(
            fault("expected_statuses: [204, " + wrong + "]") ==
            "6:64 expected_statuses: expected a status from 100 to 599 or a range such as 200-399, found '" +
                wrong + "'");
    CHECK(fault("expect_body: " + std::string(5000, 'x')) ==
          "6:52 expect_body: is 5000 bytes long; at most 4096 are allowed");
}

TEST_CASE("paths are absolute and a socket's fits into a socket address", "[config]") {
    const std::string head = "version: 1\nservices: []\n";
    CHECK(faults_of(head + "workload: {cgroup: app}\n") ==
          Lines{"3:20 cgroup: 'app' is not an absolute path; start it with '/'"});
    CHECK(faults_of(head + "admin: {socket: /" + std::string(107, 'x') + "}\n") ==
          Lines{"3:17 socket: is 108 bytes long; the path of a Unix socket has at most 107"});
    CHECK(load(head + "admin: {socket: /" + std::string(106, 'x') + "}\n").model.admin_socket.size() == 107);
    CHECK(load(head + "workload: {cgroup: /" + std::string(1023, 'x') + "}\n").model.cgroup->size() == 1024);
    CHECK(faults_of(head + "workload: {cgroup: /" + std::string(1024, 'x') + "}\n") ==
          Lines{"3:20 cgroup: is 1025 bytes long; at most 1024 are allowed"});
    CHECK(faults_of(head + "pin: on\n") ==
          Lines{"3:6 pin: 'on' is not a choice; write one of: auto, off, an absolute path"});
}

}  // namespace
}  // namespace reseat::config
