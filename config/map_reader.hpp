// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/values.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reseat::config {

/// Reads the keys of one map: name each key that is valid there, then finish() reports all others.
/// A map that is not there at all ("defaults:" with only comments below) is an empty one.
class MapReader {
public:
    /// `name` is what messages call this map; `places` learns where its options are written.
    MapReader(const Node& node, std::string_view name, Places& places, Diagnostics& out);
    /// Of a map within that of `around`.
    MapReader(const Value& value, const MapReader& around);

    /// Stores what `read` makes of the value of `key`; leaves `into` alone if absent or faulty.
    template <class T, class Read>
    void field(std::string_view key, T& into, Read read) {
        const Node* node = next(key);
        if (!node) return;
        if (auto value = read(Value{*node, key, out_})) {
            into = std::move(*value);
            places_.add(path_ + std::string(key), node->at);
        }
    }

    /// Hands the value of `key` to `read`, if there is one.
    template <class Read>
    void block(std::string_view key, Read read) {
        if (const Node* node = next(key)) read(Value{*node, key, out_});
    }

    bool has(std::string_view key) const { return node_.find(key) != nullptr; }

    /// Reports keys that were not read: unknown ones.
    void finish();

private:
    const Node* next(std::string_view key);

    const Node& node_;
    std::string_view name_;
    std::string path_;  ///< of this map in its block: "health_check."
    Places& places_;
    Diagnostics& out_;
    std::vector<std::string_view> valid_;
};

/// Calls `read(item)` for each item of a list; reports what is not a list. An absent list is an empty one.
template <class Read>
void each_item(const Value& list, Read read) {
    if (list.node.kind == Node::Kind::sequence) {
        for (const auto& item : list.node.items) read(item);
    } else if (list.node.kind != Node::Kind::null) {
        list.expected("a list");
    }
}

}  // namespace reseat::config
