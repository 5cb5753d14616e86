// SPDX-License-Identifier: Apache-2.0
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace reseat::config {
namespace {

constexpr std::size_t longest_payload = 4096;

std::optional<unsigned> digit_value(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a') + 10;
    return std::nullopt;
}

/// "a4 00 ff": two digits for each byte, with blanks between bytes wherever they help.
std::optional<std::string> bytes_in(std::string_view text) {
    std::string bytes;
    while (true) {
        text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
        if (text.empty()) return bytes;
        const auto high = digit_value(text.front());
        const auto low = text.size() > 1 ? digit_value(text[1]) : std::nullopt;
        if (!high || !low) return std::nullopt;
        bytes += static_cast<char>(*high << 4 | *low);
        text.remove_prefix(2);
    }
}

std::optional<std::string> hexadecimal(const Value& value) {
    const auto& node = value.node;
    if (node.keys.size() != 1 || node.keys.front().value != "hex") {
        value.expected("text, or bytes as {hex: \"a4 00 ff\"}");
        return std::nullopt;
    }
    const auto& text = node.items.front();
    auto bytes = text.kind == Node::Kind::scalar ? bytes_in(text.text) : std::nullopt;
    if (!bytes)
        value.with(text).fail("hex: expected two hexadecimal digits for each byte, such as \"a4 00 ff\"");
    return bytes;
}

/// The bytes of `text` in hexadecimal, with one byte for each character up to U+00FF.
std::string as_was_meant(std::string_view text) {
    constexpr std::size_t most = 32;
    std::string hex;
    for (std::size_t i = 0, count = 0; i < text.size(); ++i, ++count) {
        if (count == most) return hex + " ...";
        auto byte = static_cast<unsigned char>(text[i]);
        if ((byte == 0xc2 || byte == 0xc3) && i + 1 < text.size())
            byte = static_cast<unsigned char>((byte & 3U) << 6 |
                                              (static_cast<unsigned char>(text[++i]) & 0x3fU));
        hex += fmt::format("{}{:02x}", count ? " " : "", byte);
    }
    return hex;
}

}  // namespace

std::optional<std::string> payload(const Value& value) {
    const auto& node = value.node;
    std::optional<std::string> bytes;
    if (node.kind == Node::Kind::map)
        bytes = hexadecimal(value);
    else if (node.kind == Node::Kind::scalar)
        bytes = node.text;
    else
        value.expected("text (\"\" for none), or bytes as {hex: \"a4 00 ff\"}");
    if (bytes && bytes->size() > longest_payload) {
        value.fail(fmt::format("is {} bytes long; at most {} are allowed", bytes->size(), longest_payload));
        return std::nullopt;
    }
    if (node.has_byte_escape)
        value.out.warning(
            node.at,
            fmt::format("{}: an escape from \\x80 to \\xff means a character, which is two bytes here; if a "
                        "byte is meant, write {{hex: \"{}\"}}",
                        value.key, as_was_meant(node.text)));
    return bytes;
}

}  // namespace reseat::config
