// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/map_reader.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace reseat::config {

/// Reads the keys of a backend that a source names: what `map`, which is `node`, notes in `places`. Nothing:
/// it has no source, or a faulty one.
std::optional<lb::SourceRef> read_source(MapReader& map, const Node& node, const Places& places,
                                         Diagnostics& out);
bool has_source(const MapReader& map);

/// Why `text` is no URL of a source; empty: it is one. Plain HTTP is for this machine only.
std::string url_fault(std::string_view text, bool plain_http);

}  // namespace reseat::config
