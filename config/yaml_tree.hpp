// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::config {

/// One node of a YAML document. A map has keys[i] with items[i], in the order of the file, each key once.
struct Node {
    enum class Kind { null, scalar, sequence, map };

    Kind kind = Kind::null;
    bool plain = true;  ///< scalar written without quotes
    bool has_byte_escape =
        false;  ///< scalar in double quotes with \x80 to \xff, which YAML takes for characters
    Position at;
    std::string text;
    std::vector<Located<std::string>> keys;
    std::vector<Node> items;

    /// The value of `key`, or null.
    const Node* find(std::string_view key) const;
};

inline constexpr std::size_t max_depth = 32;
inline constexpr std::size_t max_nodes = 200'000;

/// Reads one YAML document. Stricter than YAML: duplicate keys, keys that are not text, anchors, aliases,
/// tags, several documents, and more than max_depth or max_nodes are errors.
/// `text` is UTF-8 without control characters other than tab and newline. Nothing: see `out`.
std::optional<Node> parse_yaml(const std::string& text, Diagnostics& out);

}  // namespace reseat::config
