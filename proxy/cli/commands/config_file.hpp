// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.hpp"
#include "proxy/cli/options.hpp"

#include <optional>
#include <string>

/// What the commands that read a configuration share.
namespace reseat::proxy {

/// Loads the configuration; its faults or warnings go to stderr, one a line. Nothing: it has faults.
std::optional<config::Loaded> load_and_report(const std::string& path, config::ExecChecks exec);

/// What --allow-exec says.
config::ExecChecks exec_checks(const Options& options);

/// --admin, else that of --instance, else the configuration's, else that of `instance`. Warns where the
/// configuration's is not used.
std::string admin_socket(const Options& options, const std::string& configured, const std::string& instance);

}  // namespace reseat::proxy
