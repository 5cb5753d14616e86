// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostic.hpp"

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace reseat::config {

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
