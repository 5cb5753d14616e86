// SPDX-License-Identifier: Apache-2.0
#pragma once

// Catch2 2 or 3, whichever is installed, with the names of version 2.

#if __has_include(<catch2/catch_all.hpp>)

#include <catch2/catch_all.hpp>

#include <string>
#include <utility>

using Catch::Approx;

namespace Catch {

using Matchers::EndsWith;
using Matchers::StartsWith;

inline auto Contains(std::string text) {
    return Matchers::ContainsSubstring(std::move(text));
}

}  // namespace Catch

#else

#include <catch2/catch.hpp>

#endif
