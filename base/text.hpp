// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/time.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat {

/// The pieces of `text` between `separator`s; views into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

/// UTC as "2026-11-22T15:00:00.000Z".
std::string iso8601(std::chrono::system_clock::time_point at);

/// What iso8601() writes, to the second; the fraction and the Z may be left out. Nothing: it is something
/// else.
std::optional<std::chrono::system_clock::time_point> parse_iso8601(const std::string& text);

/// "1 socket", "2 sockets": for nouns that take an s.
std::string counted(std::uint64_t count, std::string_view noun);

/// For people: "0.9 ms", "1.2 s", "3 min", "2 h", "5 d".
std::string human(Duration duration);

/// `text` as from printable(), with spaces instead: safe on one line of a terminal or log.
std::string one_line(std::string_view text);

/// Columns that `text` takes on a terminal: UTF-8 code points.
std::size_t width(std::string_view text);

}  // namespace reseat
