// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/values.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace reseat::config {

/// Reads the keys of one map: name each key that is valid there, then finish() reports all others.
/// A map that is not there at all ("defaults:" with only comments below) is an empty one.
class MapReader {
public:
    /// `place` is what messages call this map.
    MapReader(const Node& node, std::string_view place, Diagnostics& out);

    /// Stores what `read` makes of the value of `key`; leaves `into` alone if absent or faulty.
    template <class T, class Read>
    void field(std::string_view key, Written<T>& into, Read read) {
        if (const Node* node = next(key))
            if (auto value = read(Value{*node, key, out_})) into = Located<T>{std::move(*value), node->at};
    }

    /// Hands the value of `key` to `read`, if there is one.
    template <class Read>
    void block(std::string_view key, Read read) {
        if (const Node* node = next(key)) read(*node);
    }

    bool has(std::string_view key) const { return node_.find(key) != nullptr; }

    /// Reports keys that were not read: unknown ones.
    void finish();

private:
    const Node* next(std::string_view key);

    const Node& node_;
    std::string_view place_;
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
