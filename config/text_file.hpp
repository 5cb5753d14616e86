// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace reseat::config {

/// The bytes of a regular file or a pipe, at most one more than `limit`. Blocks on the disk, on a pipe for
/// 5 s at most. Nothing: one error in `out` says why and what to do.
std::optional<std::string> read_bytes(const std::string& path, std::size_t limit, Diagnostics& out);

/// `bytes` as YAML text: UTF-8 without byte order mark or control characters, lines ended by \n alone.
/// Nothing: it is empty, larger than `limit`, or not text; one error in `out` says so.
std::optional<std::string> as_text(std::string_view bytes, std::size_t limit, Diagnostics& out);

/// SHA-256 in lower-case hex.
std::string sha256(std::string_view bytes);

}  // namespace reseat::config
