// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/config/support.hpp"

namespace reseat::config {
namespace {

/// What the check sends, as `text` says it.
std::string sent(const std::string& text) {
    return service_with("health_check: {tcp: {send: " + text + "}}").health_check.tcp.send;
}

TEST_CASE("bytes of checks are written in hexadecimal, with or without blanks", "[config]") {
    const std::string bytes("\xa4\x00\xff", 3);
    for (const auto* text :
         {"{hex: a4 00 ff}", "{hex: 'A400FF'}", "{hex: \"a400 ff \"}", "{hex: ' a4\n    00 ff'}"})
        CHECK(sent(text) == bytes);
    CHECK(sent("{hex: ''}").empty());
    CHECK(sent("{hex: \"30\"}") == "0");
    const auto check =
        load(
            "version: 1\nservices:\n- name: dns\n  address: 10.96.0.1:53\n  protocol: any\n"
            "  health_check: {tcp: {expect: {hex: ff}}, udp: {send: {hex: '01'}, expect: {hex: fe}}}\n"
            "  backends: [10.0.0.1:53, 10.0.0.2:53]\n")
            .model.services;
    CHECK(check.at(0).health_check.tcp.expect == "\xff");
    CHECK(check.at(1).health_check.udp.send == "\x01");
    CHECK(check.at(1).health_check.udp.expect == "\xfe");
}

TEST_CASE("hexadecimal that is not whole bytes is an error at its position", "[config]") {
    const auto fault = [](const std::string& text) {
        return fault_of("health_check: {tcp: {send: " + text + "}}");
    };
    const std::string expected =
        "6:38 send: hex: expected two hexadecimal digits for each byte, such as \"a4 00 ff\"";
    for (const auto* text : {"{hex: a}", "{hex: a4 0}", "{hex: 0xa4}", "{hex: g0}", "{hex: [a4]}"})
        CHECK(fault(text) == expected);
    CHECK(fault("{base64: x}") ==
          "6:32 send: expected text, or bytes as {hex: \"a4 00 ff\"}, found a map of keys");
    CHECK(fault("[a4]") ==
          "6:32 send: expected text (\"\" for none), or bytes as {hex: \"a4 00 ff\"}, found a list");
    CHECK(sent("{hex: '" + std::string(8192, 'a') + "'}").size() == 4096);
    CHECK(fault("{hex: '" + std::string(8194, 'a') + "'}") ==
          "6:32 send: is 4097 bytes long; at most 4096 are allowed");
}

TEST_CASE("an escape that was meant as a byte is doubtful, and the bytes are shown", "[config]") {
    const auto warned = [](const std::string& before, const std::string& text) {
        return warnings_of(before + plain_service + "    health_check: {tcp: {expect: " + text + "}}\n");
    };
    CHECK(sent("\"\\xa4\"") == "\xc2\xa4");
    CHECK(warned("", "\"\\xA4\\0\\xff x\"") ==
          Lines{"6:34 expect: an escape from \\x80 to \\xff means a character, which is two bytes here; if a "
                "byte is meant, write {hex: \"a4 00 ff 20 78\"}"});
    const auto far = warned("# \xc3\xa9\r\n", "\"\\\\\\x90" + std::string(40, 'a') + "\"");
    REQUIRE(far.size() == 1);
    CHECK_THAT(far.front(), Catch::StartsWith("7:34 expect: ") && Catch::EndsWith(" 61 ...\"}"));
    for (const auto* text : {"\"\\x7f\\0\\x12\"", "\"\\\\xa4\"", "'\\xa4'", "\\xa4", "\"\\u00a4\"",
                             "\xc2\xa4", "\"\\x12\", send: \"\xc3\xa9\"", "{hex: a4}"})
        CHECK(warned("", text).empty());
}

}  // namespace
}  // namespace reseat::config
