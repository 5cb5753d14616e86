// SPDX-License-Identifier: Apache-2.0
#include "lb/model.hpp"
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

std::string with(const std::string& backend) {
    return "version: 1\nservices:\n- name: a\n  address: 10.96.0.1:80\n  backends:\n  - " + backend + "\n";
}

TEST_CASE("a backend by DNS name is kept as it is written", "[config][discovery]") {
    const auto service =
        load(with("10.0.0.1:80\n  - pg.internal:5432\n  - {address: pg_1.internal.:6432, name: "
                  "far, weight: 3, priority: 1, state: drain}\n  - {srv: _pg._tcp.internal, "
                  "priority: 2}"))
            .model.services.at(0);
    CHECK(service.backends.size() == 1);
    CHECK(service.named_backends ==
          std::vector<lb::NamedBackends>{{.name = "pg.internal", .dns_name = "pg.internal", .port = 5432},
                                         {.name = "far",
                                          .dns_name = "pg_1.internal.",
                                          .port = 6432,
                                          .weight = 3,
                                          .priority = 1,
                                          .state = lb::OperatorState::drain},
                                         {.name = "_pg._tcp.internal",
                                          .dns_name = "_pg._tcp.internal",
                                          .type = lb::RecordType::srv,
                                          .priority = 2}});
    CHECK(load(with("pg.internal.:80")).model.services[0].named_backends[0].name == "pg.internal");
}

TEST_CASE("a name that cannot be one is refused, and so is its port", "[config][discovery]") {
    const auto faults = [](const std::string& backend) { return faults_of(with(backend)); };
    CHECK(faults("{srv: pg.internal}") ==
          Lines{"6:11 srv: 'pg.internal' is not the name of an SRV record; write it as _pg._tcp.internal"});
    CHECK(faults("{srv: _pg._tcp.internal, address: 10.0.0.1:80}").front() ==
          "6:5 a backend has either 'address' or 'srv', not both; remove one");
    CHECK(faults("{srv: _pg._tcp.internal, weight: 3}") ==
          Lines{"6:38 weight: comes from each SRV record; remove the key"});
    CHECK(faults("pg.internal:0") == Lines{"6:5 backends: 'pg.internal:0' has no port between 1 and 65535"});
    CHECK(faults("10.0.0.256:80") ==
          Lines{"6:5 backends: '10.0.0.256:80' does not start with an IP address"});
    CHECK(faults("pg..internal:80").size() == 1);
}

TEST_CASE("the same name and port twice in a service is a slip; two ports are not", "[config][discovery]") {
    CHECK(faults_of(with("pg.internal:80\n  - pg.internal:80")) ==
          Lines{"7:5 address: 'pg.internal:80' is already on line 6; remove one"});
    CHECK(faults_of(with("{srv: _pg._tcp.internal}\n  - {srv: _pg._tcp.internal}")) ==
          Lines{"7:11 srv: '_pg._tcp.internal' is already on line 6; remove one"});
    CHECK(load(with("pg.internal:80\n  - pg.internal:81")).model.services[0].named_backends.size() == 2);
}

TEST_CASE("nothing is presumed of the addresses that a name will have", "[config][discovery]") {
    CHECK(warnings_of(with("pg.internal:80")).empty());
    CHECK(warnings_of(with("pg.internal:80\n  - 10.0.0.1:80")).empty());
    CHECK(warnings_of(with("pg.internal:80") +
                      "policies:\n- {name: p, action: deny, to: [{cidr: 10.0.0.0/24}]}\n")
              .empty());
    CHECK(warnings_of(with("{address: pg.internal:80, weight: 0}")) ==
          Lines{"3:9 backends: each has weight 0, so none gets a connection"});
}

TEST_CASE("which addresses a name is asked for, and how long one is held, can be said",
          "[config][discovery]") {
    const auto names = [](const std::string& written) {
        return load(with("pg.internal:80") + written).model.services.at(0).names;
    };
    CHECK(names("") == lb::NameSettings{lb::NameFamily::any, std::chrono::seconds(30)});
    CHECK(names("  names: {family: ipv6, hold: 0s}\n") ==
          lb::NameSettings{lb::NameFamily::ipv6, std::chrono::seconds(0)});
    CHECK(names("  names: {family: ipv4, hold: 24h}\n") ==
          lb::NameSettings{lb::NameFamily::ipv4, std::chrono::hours(24)});
    CHECK(load("version: 1\ndefaults: {names: {hold: 5s}}\n" + with("pg.internal:80").substr(11))
              .model.services.at(0)
              .names.hold == std::chrono::seconds(5));
    for (const auto* bad : {"  names: {family: v4}\n", "  names: {hold: 30}\n", "  names: {hold: 25h}\n",
                            "  names: {holt: 30s}\n", "  names: any\n"}) {
        CAPTURE(bad);
        CHECK(faults_of(with("pg.internal:80") + bad).size() == 1);
    }
    CHECK(warnings_of(with("pg.internal:80") + "  names: {family: ipv6}\n") ==
          Lines{"4:12 address: no backend has an IPv4 address, so connects to it are refused; add such a "
                "backend"});
}

}  // namespace
}  // namespace reseat::config
