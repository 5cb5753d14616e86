// SPDX-License-Identifier: Apache-2.0
#include "base/nearest_word.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace reseat {
namespace {

constexpr std::size_t kLongestWord = 64;
constexpr std::size_t kMostShown = 8;

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before, previous(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before = previous;
        previous = row;
    }
    return previous[b.size()];
}

}  // namespace

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> valid) {
    word = word.substr(0, kLongestWord);
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const auto candidate : valid) {
        const std::size_t d = distance(word, candidate);
        if (d < best_distance && d < candidate.size()) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> valid) {
    const auto nearest = nearest_word(word, valid);
    return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

std::string did_you_mean_one_of(std::string_view word, std::vector<std::string_view> valid) {
    if (auto nearest = did_you_mean(word, valid); !nearest.empty()) return nearest;
    std::ranges::sort(valid);
    valid.erase(std::unique(valid.begin(), valid.end()), valid.end());
    if (valid.empty()) return "; there is none";
    if (valid.size() == 1) return fmt::format("; there is only {}", valid.front());
    const std::size_t shown = valid.size() > kMostShown + 1 ? kMostShown : valid.size() - 1;
    const std::string last =
        shown + 1 == valid.size() ? std::string(valid.back()) : fmt::format("{} more", valid.size() - shown);
    valid.resize(shown);
    return fmt::format("; there are {} and {}", fmt::join(valid, ", "), last);
}

}  // namespace reseat
