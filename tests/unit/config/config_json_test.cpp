// SPDX-License-Identifier: Apache-2.0
#include "config/config_json.hpp"

#include "base/read_file.hpp"
#include "base/text.hpp"
#include "config/config.hpp"
#include "tests/support/catch.hpp"

#include <boost/json.hpp>

using namespace reseat;
namespace json = boost::json;

namespace {

lb::Model model_of(const std::string& text) {
    auto outcome = config::load_text(text, "test.yaml", config::ExecChecks::allowed);
    for (const auto& fault : outcome.faults) UNSCOPED_INFO(config::to_string(fault));
    REQUIRE(outcome);
    return std::move(outcome.loaded->model);
}

std::string told(const lb::Model& model) {
    return json::serialize(config::config_json(model));
}

std::string service_with(const std::string& check, const std::string& more = "") {
    return "version: 1\nservices:\n- name: web\n  address: 10.96.0.1:80\n  backends: [10.0.0.1:80]\n" + more +
           "  health_check: {" + check + "}\n";
}

constexpr const char* kSources = R"(version: 1
sources: {start_wait: 5s, kubernetes: {server: ['https://a', 'https://b:6443'], token_file: /t, ca_file: /ca}}
services:
- name: a
  address: 10.96.0.1:80
  protocol: any
  until_known: pass
  guard: {percent: 30, hold: 1m}
  connections: {on_leaving: keep, on_unready: terminate}
  backends:
  - {kubernetes: {service: db/pg, port: pg}, weight: 0, priority: 1}
  - {kubernetes: {service: pg}, name: here}
  - {file: /a.yaml}
  - {command: [/bin/x], interval: 30s}
  - {stream: 'https://x/', token_file: /t, tls: {ca_file: /ca, cert_file: /c, key_file: /k}}
)";

}  // namespace

TEST_CASE("the configuration in force may be loaded again and is the same", "[admin][config]") {
    const auto example = read_file("config/example.yaml");
    REQUIRE(example.has_value());
    for (const std::string& text :
         {std::string("version: 1\nservices: []\n"), std::string(kSources), service_with("type: none"),
          service_with("type: http, http: {expect_body: hello}", "  protocol: any\n"),
          service_with("port: 81, watch: off", "  lb_policy: maglev\n  hash_key: process\n"),
          service_with("tcp: {tls: true}, tls: {server_name: db, insecure_skip_verify: true}",
                       "  protocol: any\n"),
          std::string(
              "version: 1\nservices:\n- {name: a, address: '10.96.0.1:80', backends: [{address: "
              "'web.internal:443', health_check: {server_name: a.test}}, {address: '10.0.0.1:443', "
              "health_check: {host: 'b.test:8443', port: 8443}}], health_check: {type: http, http: {tls: "
              "true}}}\n"),
          service_with("type: grpc, grpc: {service: a.B}",
                       "  connections: {close_spread: 0s, grace: 1m30s}\n"),
          std::string(
              "version: 1\nadmin: {address: '127.0.0.1:9901', socket: /run/x.sock}\nlog: {level: warn, "
              "format: json}\npin: off\non_exit: detach\nmptcp: refuse\nworkload: {cgroup: /x}\nservices: "
              "[]\npolicies: [{name: p, action: deny, to: [{cidr: '::/0'}, {cidr: 10.0.0.0/8, except: "
              "[10.1.0.0/16], ports: [53, 80-90], protocol: udp}], existing: keep}]\n")}) {
        const lb::Model model = model_of(text);
        const std::string once = told(model);
        const lb::Model again = model_of(once);
        CHECK(told(again) == once);
        CHECK(again.services == model.services);
        CHECK(again.policies == model.policies);
        CHECK(again.sources == model.sources);
        CHECK(again.admin_address == model.admin_address);
        CHECK(again.admin_socket == model.admin_socket);
        CHECK(again.cgroup == model.cgroup);
        CHECK(again.pin == model.pin);
    }
    const lb::Model model = model_of(*example);
    CHECK(told(model_of(told(model))) == told(model));
}

TEST_CASE("what may be a secret is not told", "[admin][config]") {
    const auto check = [](const std::string& text) {
        return config::config_json(model_of(service_with(text))).at("services").at(0).at("health_check");
    };
    const auto http = check(
        "type: http, http: {path: '/health?key=hunter2', headers: {Authorization: Bearer hunter2, X-Api-Key: "
        "hunter2, accept: text/plain, Cookie: ''}}");
    CHECK(http.at("http").at("path") == "/health?(redacted)");
    CHECK(http.at("http").at("headers") == json::object{{"Authorization", "(redacted)"},
                                                        {"Cookie", ""},
                                                        {"X-Api-Key", "(redacted)"},
                                                        {"accept", "(redacted)"}});
    const auto tcp = check("type: tcp, tcp: {send: 'AUTH hunter2', expect: '+OK'}");
    CHECK(tcp.at("tcp") == json::object{{"send", "(redacted)"}, {"expect", "(redacted)"}, {"tls", false}});
    const auto exec = check("type: exec, exec: {command: [/bin/check, --password, hunter2]}");
    CHECK(exec.at("exec").at("command") == json::array{"/bin/check", "(redacted)", "(redacted)"});
    const auto source = model_of(
        "version: 1\nservices:\n- {name: a, address: '10.96.0.1:80', backends: [{command: [/bin/x, "
        "hunter2]}]}\n");
    CHECK_THAT(told(source), Catch::Contains("/bin/x") && !Catch::Contains("hunter2"));
    const auto unused = check("type: none, udp: {send: hunter2, expect: x}");
    CHECK_THAT(json::serialize(unused), !Catch::Contains("hunter2"));
}

TEST_CASE("TLS is told by the paths of its files, not by what is in them", "[admin][config]") {
    lb::Model model =
        model_of(service_with("type: http, http: {tls: true}, tls: {insecure_skip_verify: true}"));
    auto& tls = model.services.at(0).health_check.tls;
    tls.key_file = "/etc/reseat/key.pem";
    const auto body = config::config_json(model);
    const auto& check = body.at("services").at(0).at("health_check");
    CHECK(check.at("http").at("tls") == true);
    CHECK(check.at("tls").at("key_file") == "/etc/reseat/key.pem");
    CHECK(check.at("tls").at("insecure_skip_verify") == true);
}
