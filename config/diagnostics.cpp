// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.hpp"

#include "base/printable.hpp"

#include <fmt/format.h>

namespace reseat::config {

std::string to_string(const Diagnostic& diagnostic) {
    const std::string_view severity = diagnostic.severity == Severity::error ? "error" : "warning";
    if (diagnostic.position == Position{})
        return fmt::format("{}: {}: {}", diagnostic.file, severity, diagnostic.message);
    return fmt::format("{}:{}:{}: {}: {}", diagnostic.file, diagnostic.position.line,
                       diagnostic.position.column, severity, diagnostic.message);
}

void Diagnostics::error(Position at, std::string_view message) {
    if (errors_ >= limit) {
        overflowed_ = true;
        return;
    }
    if (found_.emplace(at, Severity::error, printable(message)).second) ++errors_;
}

void Diagnostics::warning(Position at, std::string_view message) {
    if (found_.size() < 2 * limit) found_.emplace(at, Severity::warning, printable(message));
}

std::vector<Diagnostic> Diagnostics::in_order(const std::string& file) const {
    std::vector<Diagnostic> all;
    all.reserve(found_.size() + 1);
    for (const auto& [at, severity, message] : found_) all.push_back({severity, file, at, message});
    if (overflowed_)
        all.push_back({Severity::error,
                       file,
                       {},
                       fmt::format("has more faults than the {} shown; fix these first", limit)});
    return all;
}

std::string quote(std::string_view text) {
    constexpr std::size_t longest = 60;
    const auto shown = beginning(text, longest);
    return "'" + printable(shown) + (shown.size() < text.size() ? "...'" : "'");
}

}  // namespace reseat::config
