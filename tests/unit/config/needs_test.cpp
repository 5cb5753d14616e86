// SPDX-License-Identifier: Apache-2.0
#include "lb/model.hpp"
#include "tests/unit/config/support.hpp"
#include "tests/unit/lb/health/probe/certificates.hpp"

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace reseat::config {
namespace {

using lb::test::Authority;

/// A directory with files, gone at the end.
class Files {
public:
    Files() {
        auto pattern = (std::filesystem::temp_directory_path() / "reseat-unit-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()));
        directory_ = pattern;
    }
    ~Files() { std::filesystem::remove_all(directory_); }

    std::string write(const std::string& name, const std::string& text) const {
        const auto path = directory_ / name;
        std::ofstream(path) << text;
        return path;
    }
    std::string path(const std::string& name) const { return directory_ / name; }

private:
    std::filesystem::path directory_;
};

std::string https(const std::string& tls) {
    return "health_check: {type: http, http: {tls: true}, tls: {" + tls + "}}";
}

TEST_CASE("an https check trusts the system, or the file that is named", "[config][tls]") {
    CHECK(service_with("health_check: {type: http, http: {tls: true}}").health_check.tls.context);
    CHECK_FALSE(service_with("health_check: {type: http, http: {tls: false}}").health_check.tls.context);
    CHECK(service_with("health_check: {type: grpc, grpc: {service: x, tls: true}}").health_check.tls.context);

    const Files files;
    const Authority authority;
    const auto own = authority.issue("DNS:reseat.test");
    const auto ca = files.write("ca.pem", authority.certificate());
    const auto line = https("server_name: web.test, ca_file: " + ca +
                            ", cert_file: " + files.write("cert.pem", own.certificate) +
                            ", key_file: " + files.write("key.pem", own.key));
    const auto check = service_with(line).health_check;
    CHECK(check.tls.server_name == "web.test");
    REQUIRE(check.tls.context);
    CHECK(check == service_with(line).health_check);
    // What is in the file counts, not what it is called: a reload notices another certificate.
    files.write("ca.pem", Authority().certificate());
    CHECK_FALSE(check == service_with(line).health_check);
}

TEST_CASE("services with the same TLS files share what was made from them", "[config][tls]") {
    const auto services = load(
                              "version: 1\n"
                              "defaults: {health_check: {type: http, http: {tls: true}}}\n"
                              "services:\n"
                              "  - {name: a, address: 10.96.0.1:80, backends: [10.0.0.1:80, 10.0.0.2:80]}\n"
                              "  - {name: b, address: 10.96.0.2:80, backends: [10.0.0.1:80, 10.0.0.2:80]}\n")
                              .model.services;
    CHECK(services[0].health_check.tls.context == services[1].health_check.tls.context);
}

TEST_CASE("a TLS file that cannot be used is a fault where it is named", "[config][tls]") {
    const Files files;
    const auto fault = [&](const std::string& key, const std::string& path) {
        return fault_of(https(key + ": " + path));
    };
    const auto missing = files.path("missing.pem");
    CHECK_THAT(fault("ca_file", missing),
               Catch::StartsWith("6:66 ca_file: '") &&
                   Catch::EndsWith("' cannot be opened: No such file or directory; check the path"));
    CHECK_THAT(fault("ca_file", "/etc"), Catch::Contains("is a directory; name a file in it"));
    CHECK_THAT(fault("ca_file", files.write("text", "hello")),
               Catch::EndsWith("contains no certificate in PEM format; name a PEM file"));
    CHECK_THAT(fault("ca_file", "relative.pem"), Catch::Contains("is not an absolute path"));
    const Authority authority;
    const auto one = authority.issue("DNS:a"), other = authority.issue("DNS:b");
    const auto cert = files.write("cert.pem", one.certificate), key = files.write("key.pem", other.key);
    CHECK_THAT(fault("cert_file", cert), Catch::Contains("needs its key; write key_file too"));
    CHECK_THAT(fault("key_file", key), Catch::Contains("needs its certificate; write cert_file too"));
    CHECK_THAT(fault_of(https("cert_file: " + cert + ", key_file: " + key)),
               Catch::EndsWith("does not belong to the certificate; name a PEM file"));
    CHECK_THAT(fault("server_name", "'a b'"), Catch::Contains("'a b' is not the name of a server"));
}

TEST_CASE("TLS settings that nothing uses are doubtful", "[config][tls]") {
    const auto warned =
        warnings_of(plain_service + "    health_check: {type: http, tls: {server_name: a}}\n");
    REQUIRE(warned.size() == 1);
    CHECK_THAT(warned[0],
               Catch::Contains("tls: these settings have no effect, as the check does not speak TLS"));
    const Files files;
    const auto ca = files.write("ca.pem", Authority().certificate());
    const auto both =
        warnings_of(plain_service + "    " + https("insecure_skip_verify: true, ca_file: " + ca) + "\n");
    REQUIRE(both.size() == 1);
    CHECK_THAT(both[0], Catch::Contains("has no effect beside insecure_skip_verify: true"));
}

TEST_CASE("a tcp check speaks TLS where it is told to, also as the default type", "[config][tls]") {
    const auto service = service_with("health_check: {tcp: {tls: true}, tls: {server_name: db.internal}}");
    CHECK(service.health_check.type == lb::CheckType::tcp);
    CHECK(service.health_check.tls.context);
    CHECK(service.health_check.tls.server_name == "db.internal");
    const auto both = load(
                          "version: 1\nservices:\n- name: dns\n  address: 10.96.0.1:53\n  protocol: any\n"
                          "  health_check: {tcp: {tls: true}, udp: {expect: a}}\n"
                          "  backends: [10.0.0.1:53, 10.0.0.2:53]\n")
                          .model.services;
    CHECK(both.at(0).health_check.tls.context);
    CHECK_FALSE(both.at(1).health_check.tls.context);
    CHECK_FALSE(service_with("health_check: {tcp: {tls: false}}").health_check.tls.context);
}

TEST_CASE("names of one backend that no check uses are doubtful", "[config][tls]") {
    const auto warned = [](const std::string& check, const std::string& own) {
        return warnings_of(
            "version: 1\nservices:\n- name: a\n  address: 10.96.0.1:80\n  health_check: {" + check +
            "}\n  backends:\n  - 10.0.0.2:80\n  - {address: 10.0.0.1:80, health_check: {" + own + "}}\n");
    };
    CHECK(warned("type: http", "host: a").empty());
    CHECK(warned("type: grpc", "host: a").empty());
    CHECK(warned("tcp: {tls: true}", "server_name: a, host: b").empty());
    CHECK(warned("type: tcp", "host: a") ==
          Lines{"8:49 host: has no effect, as only http and grpc checks and TLS use it; remove it"});
    const auto name = warned("type: http", "server_name: a");
    REQUIRE(name.size() == 1);
    CHECK_THAT(name.front(),
               Catch::StartsWith("8:56 server_name: has no effect, as the check does not speak TLS"));
}

TEST_CASE("an exec check has to be permitted, and has a command", "[config][exec]") {
    const auto line = plain_service + "    health_check: {type: exec, exec: {command: [/bin/true, x]}}\n";
    CHECK(faults_of(line) ==
          Lines{"6:26 type: exec runs a command, which must be allowed; start reseat with --allow-exec"});
    const auto allowed = load_text(line, "f.yaml", ExecChecks::allowed);
    REQUIRE(allowed);
    CHECK(allowed.loaded->warnings.empty());
    CHECK(allowed.loaded->model.services[0].health_check.exec.command ==
          std::vector<std::string>{"/bin/true", "x"});
    const auto doubtful = load_text(line, "f.yaml", ExecChecks::doubtful);
    REQUIRE(doubtful);
    CHECK(brief(doubtful.loaded->warnings) ==
          Lines{"6:26 type: exec runs a command; reseat needs --allow-exec for it"});
    CHECK(fault_of("health_check: {type: exec}") ==
          "6:26 type: exec has no command; write exec: {command: [/path/to/program, argument]}");
    CHECK(fault_of("health_check: {type: exec, exec: {command: []}}") ==
          "6:48 type: exec has no command; write exec: {command: [/path/to/program, argument]}");
}

TEST_CASE("a backend may be checked elsewhere than where it serves", "[config]") {
    const auto service = load(
                             "version: 1\n"
                             "services:\n"
                             "  - name: web\n"
                             "    address: 10.96.0.1:80\n"
                             "    health_check: {port: 9000}\n"
                             "    backends:\n"
                             "      - 10.0.0.1:80\n"
                             "      - {address: 10.0.0.2:80, health_check: {port: 8080}}\n"
                             "      - {address: 10.0.0.3:80, health_check: {address: 10.0.0.9}}\n"
                             "      - {address: 10.0.0.4:80, health_check: {address: fd00::9, port: 1}}\n")
                             .model.services[0];
    const auto checked = [&](std::size_t i) {
        return to_string(lb::checked_endpoint(service.health_check, service.backends[i]));
    };
    CHECK(checked(0) == "10.0.0.1:9000");
    CHECK(checked(1) == "10.0.0.2:8080");
    CHECK(checked(2) == "10.0.0.9:9000");
    CHECK(checked(3) == "[fd00::9]:1");
    const auto fault = [](const std::string& check) {
        const auto faults = faults_of(
            "version: 1\nservices:\n- name: a\n  address: 10.96.0.1:80\n  backends:\n"
            "  - {address: 10.0.0.1:80, health_check: " +
            check + "}\n  - 10.0.0.2:80\n");
        return faults.size() == 1 ? faults[0] : "";
    };
    CHECK(
        fault("{address: 10.0.0.9:80}") ==
        "6:52 address: expected an address without a port, such as 1.2.3.4 or fd00::1, found '10.0.0.9:80'");
    CHECK(
        fault("{address: 0.0.0.0}") ==
        "6:52 address: '0.0.0.0' is the unspecified address, which nothing can connect to; write the address "
        "of one host");
    CHECK_THAT(fault("{port: 65536}"),
               Catch::Contains("port: '65536' is out of range; write a whole number from 0 to 65535"));
    CHECK_THAT(fault("{type: tcp}"), Catch::Contains("unknown key 'type' in health_check"));
    CHECK_THAT(fault("{server_name: 'a b'}"), Catch::Contains("'a b' is not the name of a server"));
    CHECK_THAT(fault("{host: a/b}"), Catch::Contains("'a/b' is not a host name"));
}

}  // namespace
}  // namespace reseat::config
