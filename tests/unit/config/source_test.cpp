// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/config/support.hpp"

#include <fmt/format.h>

using namespace reseat;
using namespace reseat::config;
using lb::SourceKind;

namespace {

std::string text(std::string_view backend, std::string_view more = "", std::string_view protocol = "tcp") {
    return fmt::format(
        "version: 1\n{}services:\n  - name: web\n    protocol: {}\n    address: 10.96.0.1:80\n"
        "    backends:\n      - {}\n",
        more, protocol, backend);
}

std::vector<lb::Service> services(std::string_view backend, std::string_view protocol = "tcp") {
    const auto outcome = load_text(text(backend, "", protocol), "f.yaml", ExecChecks::allowed);
    INFO(fmt::format("{}", fmt::join(brief(outcome.faults), "\n")));
    REQUIRE(outcome);
    return outcome.loaded->model.services;
}

lb::SourcedBackends sourced(std::string_view backend) {
    return services(backend).at(0).sourced_backends.at(0);
}

std::string first_fault(std::string_view backend, std::string_view more = "") {
    const auto outcome = load_text(text(backend, more), "f.yaml", ExecChecks::refused);
    REQUIRE_FALSE(outcome.faults.empty());
    return brief(outcome.faults).at(0);
}

}  // namespace

TEST_CASE("a Service of Kubernetes, with its namespace and port or without", "[config][sources]") {
    const auto full =
        sourced("{kubernetes: {service: db/postgres, port: pg}, priority: 1, name: pg, weight: 3}");
    CHECK(full.ref.kind == SourceKind::kubernetes);
    CHECK(full.ref.name_space == "db");
    CHECK(full.ref.service == "postgres");
    CHECK(full.ref.port == "pg");
    CHECK(full.priority == 1);
    CHECK(full.name == "pg");
    CHECK(full.weight == 3);
    const auto bare = sourced("{kubernetes: {service: postgres}}");
    CHECK(bare.ref.name_space.empty());
    CHECK_FALSE(bare.weight.has_value());
}

TEST_CASE("each half of a service asks for its own protocol", "[config][sources]") {
    const auto both = services("{kubernetes: {service: kube-system/kube-dns, port: '53'}}", "any");
    REQUIRE(both.size() == 2);
    CHECK(both[0].sourced_backends.at(0).ref.protocol == Protocol::tcp);
    CHECK(both[1].sourced_backends.at(0).ref.protocol == Protocol::udp);
}

TEST_CASE("a file, a command and a stream", "[config][sources]") {
    CHECK(sourced("{file: /etc/web.yaml}").ref.path == "/etc/web.yaml");
    const auto command = sourced("{command: [/bin/x, a, ''], interval: 30s}").ref;
    CHECK(command.command == std::vector<std::string>{"/bin/x", "a", ""});
    CHECK(command.interval == std::chrono::seconds(30));
    CHECK(sourced("{command: [/bin/x]}").ref.interval == Duration::zero());
    const auto stream =
        sourced("{stream: 'https://relay.internal:9902/web', token_file: /t, tls: {ca_file: /ca}}").ref;
    CHECK(stream.url == "https://relay.internal:9902/web");
    CHECK(stream.token_file == "/t");
    CHECK(stream.ca_file == "/ca");
    CHECK(stream.interval == std::chrono::seconds(30));
    CHECK(sourced("{stream: 'http://127.0.0.1:9902/web'}").ref.url == "http://127.0.0.1:9902/web");
}

TEST_CASE("faults of sources say what to write", "[config][sources]") {
    const auto has = [](const std::string& fault, std::string_view part) {
        CAPTURE(fault);
        CHECK(fault.find(part) != std::string::npos);
    };
    has(first_fault("{kubernetes: {port: pg}}"), "add one, as in 'service: db/postgres'");
    has(first_fault("{kubernetes: {service: DB/x}}"), "write it as NAMESPACE/NAME");
    has(first_fault("{kubernetes: {service: a/b/c}}"), "write it as NAMESPACE/NAME");
    has(first_fault("{kubernetes: {service: a/b, port: '70000'}}"), "neither the name of a port");
    has(first_fault("{file: web.yaml}"), "absolute");
    has(first_fault("{file: /a, address: '10.0.0.1:80'}"), "remove the others");
    has(first_fault("{command: [/bin/x]}"), "start reseat with --allow-exec");
    has(first_fault("{command: /bin/x}"), "expected a list");
    has(first_fault("{stream: 'http://relay.internal/web'}"), "use https");
    has(first_fault("{stream: 'ftp://x'}"), "write it as https://");
    has(first_fault("{stream: 'https://user:secret@x/'}"), "neither blanks nor '@'");
    has(first_fault("{file: /a, interval: 3s}"), "interval: belongs to");
    has(first_fault("{file: /a, token_file: /t}"), "belong to a 'stream'");
    has(first_fault("{stream: 'https://x/', tls: {cert_file: /c}}"), "belong together");
    has(first_fault("{file: /a}\n      - {file: /a}"), "already on line");
    has(first_fault("{file: /a}", "sources: {kubernetes: {server: 'http://x'}}\n"), "https URL");
    has(first_fault("{file: /a}", "sources: {kubernetes: {cert_file: /x}}\n"), "belong together");
}

TEST_CASE("the API server of a cluster, one or several", "[config][sources]") {
    const auto load = [](std::string_view keys) {
        const auto outcome = load_text(
            text("{file: /a}", fmt::format("sources: {{start_wait: 5s, kubernetes: {}}}\n", keys)), "f.yaml");
        REQUIRE(outcome);
        return outcome.loaded->model.sources;
    };
    CHECK(load("{server: 'https://10.0.0.1:6443', token_file: /t}").kubernetes.servers ==
          std::vector<std::string>{"https://10.0.0.1:6443"});
    CHECK(load("{server: ['https://a', 'https://b']}").kubernetes.servers.size() == 2);
    CHECK(load("{}").start_wait == std::chrono::seconds(5));
}

TEST_CASE("until_known: pass is doubtful where it means nothing, or leads nowhere", "[config][sources]") {
    const auto warnings = [](std::string_view address, std::string_view backends) {
        return warnings_of(
            fmt::format("version: 1\nservices:\n  - name: web\n    address: {}\n"
                        "    until_known: pass\n    backends: [{}]\n",
                        address, backends));
    };
    CHECK(warnings("10.96.0.1:80", "{file: /a}").empty());
    const auto nowhere = warnings("198.18.0.1:80", "{file: /a}");
    REQUIRE(nowhere.size() == 1);
    CHECK(nowhere[0].find("no route leads there") != std::string::npos);
    const auto nothing = warnings("10.96.0.1:80", "{file: /a}, '10.0.0.1:80'");
    REQUIRE(nothing.size() == 1);
    CHECK(nothing[0].find("means nothing") != std::string::npos);
}
