// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
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

/// Collects the faults of one file, so that all are reported at once. Says each only once, however
/// many services inherit it, and stops at `limit` errors so that a hostile file cannot fill memory.
class Diagnostics {
public:
    static constexpr std::size_t limit = 200;

    /// `message` may quote the file: what of it is not printable is replaced.
    void error(Position at, std::string_view message);
    void warning(Position at, std::string_view message);

    bool has_errors() const { return errors_ > 0; }
    /// An error was left out: the reader may stop.
    bool overflowed() const { return overflowed_; }

    /// All faults in the order of the file.
    std::vector<Diagnostic> in_order(const std::string& file) const;

private:
    std::set<std::tuple<Position, Severity, std::string>> found_;
    std::size_t errors_ = 0;
    bool overflowed_ = false;
};

/// `text` in single quotes, cut to 60 bytes and with control characters replaced: fit for a message.
std::string quote(std::string_view text);

}  // namespace reseat::config
