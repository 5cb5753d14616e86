// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config_file.hpp"
#include "config/yaml_tree.hpp"

namespace reseat::config {

/// What a file may hold, so that no text can make the model many times larger than itself.
inline constexpr std::size_t max_services = 4096;
inline constexpr std::size_t max_backends = 65'536;  ///< in all services together
inline constexpr std::size_t max_addresses = 64;     ///< of one service
inline constexpr std::size_t max_headers = 32;       ///< of one HTTP check
inline constexpr std::size_t max_status_ranges = 32;

/// Everything that can be said about a value by itself: keys, types, ranges, what is missing.
ConfigFile read_config(const Node& root, Diagnostics& out);

/// Reads the keys of a service over what `into` has inherited; lists replace, maps merge.
void read_service(const Node& node, std::string_view place, ServiceBlock& into, Diagnostics& out);
void read_health_check(const Node& node, HealthCheckBlock& into, Diagnostics& out);
std::vector<PolicyBlock> read_policies(const Node& node, Diagnostics& out);

}  // namespace reseat::config
