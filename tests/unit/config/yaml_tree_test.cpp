// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_tree.hpp"

#include "tests/unit/config/support.hpp"

#include <random>

namespace reseat::config {
namespace {

const std::string no_sharing =
    " are not supported; write the value out, or put what services share under 'defaults'";

TEST_CASE("broken YAML is an error at its position, with what to do", "[config]") {
    const auto fault = [](const std::string& text) {
        const auto faults = faults_of(text);
        return faults.size() == 1 ? faults[0] : fmt::format("{} faults", faults.size());
    };
    CHECK(fault("version: 1\nservices: [1, 2\n") ==
          "3:1 not valid YAML: end of sequence flow not found; a ']' or a ',' is missing in a list");
    CHECK(fault("log: {level: info\n") ==
          "2:1 not valid YAML: end of map flow not found; a '}' or a ',' is missing in a map");
    CHECK(fault("a: 1\n]\n") == "2:1 not valid YAML: illegal flow end; a ']' or '}' has no partner");
    CHECK(fault("a: \"x") == "1:6 not valid YAML: illegal EOF in scalar; a quote is not closed");
    CHECK(fault("log:\n\tlevel: info\n") ==
          "2:7 not valid YAML: illegal map value; indent with spaces, not with tabs");
    CHECK(fault("a: @x\n") ==
          "1:4 not valid YAML: unknown token; put quotes around text that starts with a special character");
    CHECK_THAT(
        fault("a: \"\\q\"\n"),
        Catch::StartsWith("1:7 not valid YAML: unknown escape character: q; write \\\\ for a backslash"));
    CHECK_THAT(fault("a: \"\\é\"\n"),  // yaml-cpp names the first half of the character
               Catch::StartsWith("1:7 not valid YAML: unknown escape character: ?; write"));
    CHECK(fault("version: 1\n  services: []\n") ==
          "2:11 not valid YAML: illegal map value; check the indentation, and put quotes around text that "
          "contains ': ' or ' #'");
    // yaml-cpp 0.8 adds its name.
    CHECK_THAT(fault("services: *x\n"),
               Catch::StartsWith("1:11 not valid YAML: the referenced anchor is not defined") &&
                   Catch::EndsWith("; put quotes around text that starts with '*'"));
}

TEST_CASE("an IPv6 address without quotes is told to have them", "[config]") {
    const std::string advice = "put quotes around an IPv6 address: \"[fd00::1]:80\"";
    const auto fault = [](const std::string& text) { return faults_of(text).back(); };
    CHECK(fault("address: [fd00::1]:80\n") == "1:19 not valid YAML: end of map not found; " + advice);
    CHECK_THAT(fault("backends:\n  - [::1]:80\n  - 10.0.0.1:80\n"), Catch::EndsWith("; " + advice));
    CHECK_THAT(fault("a: {address: [::ffff:10.0.0.1]:80}\n"), Catch::EndsWith("; " + advice));
    CHECK_THAT(fault("backends: [[fd00::1]:80, 10.0.0.1:80]\n"), Catch::EndsWith(" " + advice));
    CHECK_THAT(fault("a: {address: \"[::1]:80\"\n"), !Catch::Contains("IPv6"));
    CHECK_THAT(fault("a: {address: ['[::1]:80', x}\n"), !Catch::Contains("IPv6"));
}

TEST_CASE("a key that is there twice is an error, wherever it is [E38]", "[config]") {
    CHECK(faults_of("version: 1\nversion: 1\nservices: []\n") ==
          Lines{"2:1 the key 'version' occurs twice, first on line 1; remove one"});
    CHECK(fault_of("connections: {grace: 1s, udp: keep, grace: 2s}") ==
          "6:41 the key 'grace' occurs twice, first on line 6; remove one");
    CHECK(fault_of("connections: {grace: 1s, \"grace\": 2s}") ==
          "6:30 the key 'grace' occurs twice, first on line 6; remove one");
    CHECK(fault_of("health_check: {http: {headers: {A: 1, A: 2}}, type: http}") ==
          "6:43 the key 'A' occurs twice, first on line 6; remove one");
}

TEST_CASE("anchors and aliases are refused before anything is expanded [E38]", "[config]") {
    CHECK(faults_of("version: 1\nservices: []\nlog: &a {level: &b info}\n") ==
          Lines{"3:6 anchors ('&name')" + no_sharing, "3:17 anchors ('&name')" + no_sharing});
    CHECK(faults_of("version: 1\nservices: []\nlog: &a {level: *a}\n") ==
          Lines{"3:6 anchors ('&name')" + no_sharing,
                "3:10 level: expected one of trace, debug, info, warn, error, found nothing",
                "3:17 aliases ('*name')" + no_sharing});
    std::string laughs = "version: 1\nservices: []\na0: &a0 [x, x]\n";
    for (int i = 1; i < 30; ++i) laughs += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
    CHECK(faults_of(laughs).size() == 30 + 2 * 29 + 30);  // anchors, aliases, unknown keys
    CHECK(faults_of("version: 1\nservices: []\ndefaults:\n  <<: {name: x}\n") ==
          Lines{"4:3 merge keys are not supported; put what services share under 'defaults'"});
}

TEST_CASE("tags are refused [E38]", "[config]") {
    CHECK(faults_of("version: !!int 1\nservices: []\nlog: !python/object {}\n") ==
          Lines{"1:10 the tag 'tag:yaml.org,2002:int' is not supported; remove it",
                "3:6 the tag '!python/object' is not supported; remove it"});
    CHECK(fault_of("health_check: {tcp: {send: !!binary pAD/}}") ==
          "6:32 the tag !!binary is not supported; write bytes in hexadecimal: {hex: \"a4 00 ff\"}");
}

TEST_CASE("a second document is refused, markers around the only one are not [E38]", "[config]") {
    CHECK(faults_of("version: 1\nservices: []\n---\nversion: 1\n") ==
          Lines{"3:1 a second YAML document starts here; a file holds one: remove it, or correct the "
                "indentation of this line"});
    CHECK(load("---\nversion: 1\nservices: []\n...\n").model.services.empty());
}

TEST_CASE("depth, size and brackets are bounded [E38]", "[config]") {
    std::string nested = "x";
    for (std::size_t i = 0; i < max_depth; ++i) nested = "[" + nested + "]";
    Diagnostics out;
    CHECK(parse_yaml(nested, out));
    CHECK_FALSE(parse_yaml("[" + nested + "]", out));
    CHECK(brief(out.in_order("f")) ==
          Lines{"1:33 lists and maps are nested deeper than 32; no option needs that"});

    std::string items;
    for (std::size_t i = 0; i < max_nodes; ++i) items += "- 1\n";
    CHECK(faults_of(items) == Lines{"200000:3 the file has more than 200000 values; make it smaller"});
    for (const std::string hostile : {"[", "{", "[a, ", "{a: ", "]"}) {
        std::string many;
        while (many.size() + hostile.size() <= max_file_size) many += hostile;
        const auto faults = faults_of(many);
        REQUIRE(faults.size() == 1);
        CHECK_THAT(faults[0],
                   Catch::EndsWith("the file has more than 400000 brackets and commas; make it smaller"));
    }
    std::string lines;
    for (std::size_t i = 0; i <= 2 * max_nodes; ++i) lines += "[\n";
    CHECK(faults_of(lines) ==
          Lines{"400001:1 the file has more than 400000 brackets and commas; make it smaller"});
    for (const std::string hostile : {"- ", "? ", "-\n", "? a\n: ", "a:\n ", "!x ", "&x ", "'' "}) {
        std::string many;
        while (many.size() + hostile.size() <= max_file_size / 4) many += hostile;
        CHECK_FALSE(faults_of(many).empty());
    }
}

TEST_CASE("a flood of faults is cut off, and says so [E38]", "[config]") {
    std::string text = "version: 1\nservices: []\n";
    for (int i = 0; i < 50'000; ++i) text += fmt::format("key{}: 1\n", i);
    const auto faults = faults_of(text);
    CHECK(faults.size() == Diagnostics::limit + 1);
    CHECK(faults.back() == "0:0 has more faults than the 200 shown; fix these first");
}

TEST_CASE("keys must be words", "[config]") {
    CHECK(faults_of("version: 1\nservices: []\n? [a]\n: 1\n? {b: 1}\n: 2\n~: 3\n") ==
          Lines{"3:3 a key must be a word followed by ': '", "5:3 a key must be a word followed by ': '",
                "7:1 a key must be a word followed by ': '"});
}

TEST_CASE("an absent value is reported where it is missing, not where the next thing is", "[config]") {
    CHECK(faults_of("version:\n\n# comment\nservices:\nlog: {level, format: }\n") ==
          Lines{"1:1 version: expected 1, found nothing",
                "4:1 services: has no value; write 'services: []' if none is meant",
                "5:7 level: expected one of trace, debug, info, warn, error, found nothing",
                "5:14 format: expected one of text, json, found nothing"});
    CHECK(faults_of("version: 1\nservices:\n  - # one\n\n  # two\n  - x\n").front() ==
          "3:3 the service has no 'address'; add one, as in 'address: 10.96.0.10:80'");
}

TEST_CASE("whatever is done to a good file, the answer is a model or faults with positions [E38]",
          "[config]") {
    const std::string good = plain_service +
                             "    health_check: {type: http, http: {path: /x, headers: {A: \"b\"}}}\n"
                             "    connections: {grace: 1m30s, udp: 'keep'}\n";
    std::mt19937 random(20);  // fixed: a failure can be repeated
    const std::string bytes = "\n\t -:,[]{}#&*!|>'\"%@`?~0aZ\\\x01\x80\xff";
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    for (int round = 0; round < 20'000; ++round) {
        std::string text = good;
        for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
            const auto at = below(text.size());
            switch (below(4)) {
                case 0:
                    text[at] = bytes[below(bytes.size())];
                    break;
                case 1:
                    text.insert(at, 1, bytes[below(bytes.size())]);
                    break;
                case 2:
                    text.erase(at, 1 + below(8));
                    break;
                default:
                    text.insert(at, text.substr(below(text.size()), 1 + below(40)));
                    break;
            }
            if (text.empty()) text = "x";
        }
        const auto outcome = load_text(text, "f.yaml");
        const auto lines = static_cast<unsigned>(std::ranges::count(text, '\n')) + 1;
        INFO(text);
        REQUIRE(outcome.loaded.has_value() == outcome.faults.empty());
        for (const auto& fault : outcome.faults) {
            REQUIRE(fault.position.line <= lines);
            REQUIRE(fault.message.find('\n') == std::string::npos);
        }
    }
}

}  // namespace
}  // namespace reseat::config
