// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config_file.hpp"
#include "config/values.hpp"

namespace reseat::config {

/// What a file may hold, so that no text can make the model many times larger than itself.
inline constexpr std::size_t max_services = 4096;
inline constexpr std::size_t max_backends = 65'536;  ///< in all services together
inline constexpr std::size_t max_addresses = 64;     ///< of one service
inline constexpr std::size_t max_headers = 32;       ///< of one HTTP check
inline constexpr std::size_t max_status_ranges = 32;

/// Everything that can be said about a value by itself: keys, types, ranges, what is missing.
ConfigFile read_config(const Node& root, Diagnostics& out);

/// Reads the keys of a service over what `into` has inherited; lists replace, maps merge. Messages call it
/// `name`.
void read_service(const Node& node, std::string_view name, ServiceBlock& into, Diagnostics& out);
std::vector<PolicyBlock> read_policies(const Value& list);

}  // namespace reseat::config
