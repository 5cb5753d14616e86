// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// As much of RFC 3986 as the admin interface needs.
namespace reseat {

/// The path of a request's target, without the query: "/services/a%5Bb/terminate" is {"services", "a[b",
/// "terminate"}. Nothing: it does not start with '/', or a % is not followed by two hex digits.
std::optional<std::vector<std::string>> path_of(std::string_view target);

/// The value of `name` in the query of a request's target.
std::optional<std::string> query_of(std::string_view target, std::string_view name);

/// `text` with everything but letters, digits and "-._~" as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace reseat
