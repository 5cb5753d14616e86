// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reseat {

/// The one of `valid` that `word` is a slip of: at most a third of its letters are inserted, lost, replaced
/// or swapped with a neighbour (optimal string alignment distance). Empty: none. Looks at 64 letters.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> valid);

/// "; did you mean 'x'?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> valid);

/// The same; where no word is near: "; there are a, b and c", as far as they fit on a line.
std::string did_you_mean_one_of(std::string_view word, std::vector<std::string_view> valid);

}  // namespace reseat
