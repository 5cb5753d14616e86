// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <vector>

namespace reseat::config {

/// Where something is written; both count from 1, columns in bytes. {0, 0}: the file as a whole.
struct Position {
    unsigned line = 0;
    unsigned column = 0;

    auto operator<=>(const Position&) const = default;
};

enum class Severity { error, warning };

/// One fault of a file: what is wrong and how to fix it, on one line.
struct Diagnostic {
    Severity severity = Severity::error;
    std::string file;
    Position position;
    std::string message;

    bool operator==(const Diagnostic&) const = default;
};

/// "file:line:column: error: message", or "file: error: message" for the file as a whole.
std::string to_string(const Diagnostic& diagnostic);

/// A value and where it was written.
template <class T>
struct Located {
    T value{};
    Position at;
};

}  // namespace reseat::config
