// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

/// The manual pages, made of what the program and its documentation say anyway.
namespace reseat::proxy {

/// reseat(1), of the command line as CLI11 knows it.
std::string command_page();

/// reseat.yaml(5), of docs/configuration.md and config/example.yaml.
std::string config_page(const std::string& reference, const std::string& example);

}  // namespace reseat::proxy
