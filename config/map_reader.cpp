// SPDX-License-Identifier: Apache-2.0
#include "config/map_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::config {

MapReader::MapReader(const Node& node, std::string_view place, Diagnostics& out)
    : node_(node), place_(place), out_(out) {
    if (node.kind != Node::Kind::map && node.kind != Node::Kind::null)
        Value{node, place, out}.expected("a map of keys");
}

const Node* MapReader::next(std::string_view key) {
    valid_.push_back(key);
    return node_.find(key);
}

void MapReader::finish() {
    for (const auto& key : node_.keys) {
        if (out_.overflowed()) return;
        if (std::ranges::find(valid_, key.value) != valid_.end()) continue;
        if (key.value == "<<") {
            out_.error(key.at, "merge keys are not supported; put what services share under 'defaults'");
            continue;
        }
        out_.error(key.at, fmt::format("unknown key {} in {}{}", quote(key.value), place_,
                                       suggestion(key.value, valid_)));
    }
}

}  // namespace reseat::config
