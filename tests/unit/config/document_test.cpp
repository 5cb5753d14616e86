// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/document.hpp"

#include "config/yaml_tree.hpp"
#include "lb/model.hpp"
#include "tests/unit/config/support.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace reseat::config {
namespace {

std::string full_path(const Section& section, const Row& row) {
    return section.place.empty() ? row.key : section.place + "." + row.key;
}

LoadOutcome load_with(const std::string& path, const std::string& value) {
    return load_text(document_with(path, value), "f.yaml", ExecChecks::allowed);
}

/// A new field of the model does not compile until it is here.
bool same(const lb::Model& a, const lb::Model& b) {
    const auto fields = [](const lb::Model& model) {
        const auto& [cgroup, exit_when_idle, pin, on_exit, mptcp, admin_socket, admin_address, log_level,
                     log_format, services, sources, policies] = model;
        return std::tie(cgroup, exit_when_idle, pin, on_exit, mptcp, admin_socket, admin_address, log_level,
                        log_format, services, sources, policies);
    };
    return fields(a) == fields(b);
}

lb::Model model_with(const std::string& path, const std::string& value) {
    const auto outcome = load_with(path, value);
    CAPTURE(path, value);
    INFO(fmt::format("{}", fmt::join(brief(outcome.faults), "\n")));
    REQUIRE(outcome);
    return outcome.loaded->model;
}

/// The parser itself tells: asked for a key that it does not know, it names those that it knows.
std::vector<std::string> keys_of_parser(const std::string& place) {
    const std::string unknown = "zzzzzzzzzzzz";
    const auto outcome = load_with(place.empty() ? unknown : place + "." + unknown, "1");
    const std::string start = "unknown key '" + unknown + "'", list = "write one of: ";
    for (const auto& fault : outcome.faults) {
        const auto at = fault.message.find(list);
        if (!fault.message.starts_with(start) || at == std::string::npos) continue;
        return split(fault.message.substr(at + list.size()), ", ");
    }
    return {};
}

/// `place`.`key`, or that of its items, if there are keys below; nothing: it is a value.
std::string block_of_parser(const std::string& place, const std::string& key) {
    const std::string path = place.empty() ? key : place + "." + key;
    for (const std::string& block : {path, path + "[]"})
        if (!keys_of_parser(block).empty()) return block;
    return "";
}

/// All values below `place`, in the parser's order; a block that `own` knows, or `defaults`, is one of them.
void list_values(const std::string& place, const std::set<std::string>& own, std::vector<std::string>& into) {
    for (const auto& key : keys_of_parser(place)) {
        const std::string block = block_of_parser(place, key);
        if (block.empty() || own.contains(block) || block == "defaults")
            into.push_back(place.empty() ? key : place + "." + key);
        else
            list_values(block, own, into);
    }
}

std::set<std::string> places(const std::vector<Section>& sections) {
    std::set<std::string> all;
    for (const auto& section : sections) all.insert(section.place);
    return all;
}

bool refuses(const std::string& path, const std::string& value) {
    const auto outcome = load_with(path, value);
    return std::ranges::any_of(outcome.faults, [](const auto& fault) {
        return fault.message.find("is out of range") != std::string::npos;
    });
}

void check_ends(const std::string& path, const std::string& first, const std::string& last) {
    CAPTURE(path, first, last);
    model_with(path, first);
    model_with(path, last);
    const bool is_number = last.find_first_not_of("0123456789") == std::string::npos;
    CHECK(refuses(path, is_number ? std::to_string(std::stoi(last) + 1) : last + "1ms"));
    const int least = std::stoi(first);
    if (is_number || least > 0)
        CHECK(refuses(path, std::to_string(least - 1) + (is_number ? "" : least > 1 ? "ms" : "s")));
}

void check_words(const std::string& path, const std::vector<std::string>& words) {
    const auto faults = brief(load_with(path, "zzzzzzzzzzzz").faults);
    const std::string valid = fmt::format("write one of: {}", fmt::join(words, ", "));
    CAPTURE(path, words, faults);
    CHECK(std::ranges::any_of(faults, [&](const std::string& fault) {
        const bool is_boolean = fault.find("expected true or false") != std::string::npos;
        return is_boolean ? words == std::vector<std::string>{"true", "false"} : fault.ends_with(valid);
    }));
}

TEST_CASE("the document has a row for each key of the parser, in its order, and no others",
          "[config][docs]") {
    const auto sections = read_document();
    const auto own = places(sections);
    CHECK(own == std::set<std::string>{"", "services[]", "services[].health_check",
                                       "services[].outlier_detection", "services[].connections",
                                       "services[].names", "services[].backends[]", "policies[]"});
    for (const auto& section : sections) {
        std::vector<std::string> documented, accepted;
        for (const auto& row : section.rows) documented.push_back(full_path(section, row));
        list_values(section.place, own, accepted);
        CAPTURE(section.place);
        CHECK(documented == accepted);
    }
}

TEST_CASE("defaults take whatever a service takes", "[config][docs]") {
    std::vector<std::string> of_defaults, of_services;
    list_values("defaults", {}, of_defaults);
    list_values("services[]", {}, of_services);
    for (auto& path : of_defaults) path.replace(0, std::string("defaults").size(), "services[]");
    CHECK(of_defaults == of_services);
}

TEST_CASE("the defaults in the document are those of the model", "[config][docs]") {
    std::map<std::string, std::string> in_words;
    for (const auto& section : read_document()) {
        for (const auto& row : section.rows) {
            const std::string path = full_path(section, row);
            CAPTURE(path, row.default_value);
            const auto without = load_text(document_without(path), "f.yaml", ExecChecks::allowed);
            CHECK(bool(without) == !row.default_value.starts_with("required"));
            if (const auto value = literal(row.default_value)) {
                REQUIRE(without);
                CHECK(same(model_with(path, *value), without.loaded->model));
            } else if (row.default_value != "required" && row.default_value != "none") {
                in_words[path] = row.default_value;
            }
        }
    }
    CHECK(in_words ==
          std::map<std::string, std::string>{
              {"admin.socket", "that of the instance, `/run/reseat/INSTANCE/admin.sock`"},
              {"services[].hash_key", "required with `maglev`"},
              {"services[].health_check.type",
               "`tcp` for TCP, `udp` for UDP; with `protocol: any` each half has its own"},
              {"services[].health_check.unhealthy_interval", "as `interval`"},
              {"services[].health_check.exec.command", "required for `exec`"},
              {"services[].health_check.tls.ca_file", "those that the system trusts"},
              {"sources.kubernetes.server", "that of the pod, `KUBERNETES_SERVICE_HOST`"},
              {"sources.kubernetes.token_file", "that of the service account, below `/var/run/secrets`"},
              {"sources.kubernetes.ca_file", "that of the service account, below `/var/run/secrets`"},
              {"services[].backends[].kubernetes.service", "required with `kubernetes`"},
              {"services[].backends[].interval", "none; of `stream` 30s"},
              {"services[].backends[].tls.ca_file", "those that the system trusts"},
              {"services[].backends[].address", "required, or `srv`, or a source"},
              {"services[].backends[].name", "its address; the DNS name; of a source that of the service"}});
}

TEST_CASE("defaults that depend on something are as the document words them", "[config][docs]") {
    const auto& any = load(document_with("services[].protocol", "any")).model.services;
    REQUIRE(any.size() == 2);
    CHECK(any[0].health_check.type == lb::CheckType::tcp);
    CHECK(any[1].health_check.type == lb::CheckType::udp);
    CHECK(service_with("health_check: {interval: 7s}").health_check.unhealthy_interval ==
          std::chrono::seconds(7));
    CHECK(load(plain_service).model.admin_socket.empty());
    const auto& named = load(document_with("services[].backends[].address", "pg.internal:1")).model.services;
    CHECK(named.at(0).named_backends.at(0).name == "pg.internal");
    CHECK(load(plain_service).model.services.at(0).backends.at(0).name == "10.0.0.1:80");
}

TEST_CASE("the ranges in the document are those of the parser", "[config][docs]") {
    std::size_t words_checked = 0, ranges_checked = 0;
    for (const auto& section : read_document()) {
        for (const auto& row : section.rows) {
            const std::string path = full_path(section, row);
            const Range range = read_range(row.range);
            for (const auto& word : range.words) model_with(path, word);
            if (!range.words.empty() && range.ends.empty()) check_words(path, range.words);
            for (const auto& [first, last] : range.ends) check_ends(path, first, last);
            words_checked += range.words.size();
            ranges_checked += range.ends.size();
        }
    }
    CHECK(words_checked > 60);
    CHECK(ranges_checked > 20);
}

TEST_CASE("each key with a range of its own changes the model", "[config][docs]") {
    for (const auto& section : read_document()) {
        for (const auto& row : section.rows) {
            const std::string path = full_path(section, row);
            const auto value = literal(row.default_value);
            auto [words, ends] = read_range(row.range);
            for (const auto& [first, last] : ends) words.insert(words.end(), {first, last});
            if (!value || words.empty()) continue;
            const auto usual = model_with(path, *value);
            CAPTURE(path);
            CHECK(std::ranges::any_of(
                words, [&](const auto& word) { return !same(model_with(path, word), usual); }));
        }
    }
}

void list_keys(const Node& node, const std::string& place, std::set<std::string>& into) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        const bool is_map = node.kind == Node::Kind::map;
        const std::string path =
            is_map ? (place.empty() ? "" : place + ".") + node.keys[i].value : place + "[]";
        into.insert(path);
        list_keys(node.items[i], path, into);
    }
}

TEST_CASE("the example shows every key of the document, if only in a comment", "[config][docs]") {
    const std::string text = read_text("config/example.yaml");
    Diagnostics out;
    const auto root = parse_yaml(text, out);
    REQUIRE(root);
    std::set<std::string> shown, in_comments;
    list_keys(*root, "", shown);
    for (const auto& section : read_document())
        for (const auto& row : section.rows)
            if (const auto path = full_path(section, row); !shown.contains(path)) in_comments.insert(path);
    CHECK(in_comments == std::set<std::string>{"services[].hash_key",
                                               "services[].health_check.exec.command",
                                               "sources.kubernetes.server",
                                               "sources.kubernetes.token_file",
                                               "sources.kubernetes.ca_file",
                                               "sources.kubernetes.cert_file",
                                               "sources.kubernetes.key_file",
                                               "services[].backends[].kubernetes.service",
                                               "services[].backends[].kubernetes.port",
                                               "services[].backends[].file",
                                               "services[].backends[].command",
                                               "services[].backends[].stream",
                                               "services[].backends[].interval",
                                               "services[].backends[].token_file",
                                               "services[].backends[].tls.ca_file",
                                               "services[].backends[].tls.cert_file",
                                               "services[].backends[].tls.key_file",
                                               "services[].health_check.tls.ca_file",
                                               "services[].health_check.tls.cert_file",
                                               "services[].health_check.tls.key_file"});
    for (const auto& path : in_comments) {
        const std::string key = path.substr(path.rfind('.') + 1) + ": ";
        CAPTURE(key);
        CHECK(std::ranges::any_of(split(text, "\n"), [&](const std::string& line) {
            const auto comment = line.find("# ");
            return comment != std::string::npos && line.find(key, comment) != std::string::npos;
        }));
    }
}

}  // namespace
}  // namespace reseat::config
