// SPDX-License-Identifier: Apache-2.0
#include "config/map_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::config {

MapReader::MapReader(const Node& node, std::string_view name, Places& places, Diagnostics& out)
    : node_(node), name_(name), places_(places), out_(out) {
    if (node.kind != Node::Kind::map && node.kind != Node::Kind::null)
        Value{node, name, out}.expected("a map of keys");
}

MapReader::MapReader(const Value& value, const MapReader& around)
    : MapReader(value.node, value.key, around.places_, around.out_) {
    path_ = fmt::format("{}{}", around.path_, value.key);
    places_.add(path_, value.node.at);
    path_ += '.';
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
        out_.error(key.at, fmt::format("unknown key {} in {}{}", quote(key.value), name_,
                                       suggestion(key.value, valid_)));
    }
}

}  // namespace reseat::config
