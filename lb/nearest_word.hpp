// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace reseat::lb {

/// The one of `valid` that `word` is a slip of: at most a third of its letters are inserted, lost, replaced
/// or swapped with a neighbour (optimal string alignment distance). Empty: none. Looks at 64 letters.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> valid);

}  // namespace reseat::lb
