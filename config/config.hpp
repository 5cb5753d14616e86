// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/loaded.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// YAML text in, either a model or every fault of the text out. Three steps, one file each:
/// yaml_tree (text -> nodes with positions), read (nodes -> ConfigFile), compile (-> lb::Model).
namespace reseat::config {

/// A larger file is refused.
inline constexpr std::size_t max_file_size = 4 * 1024 * 1024;

/// Loads a regular file or a pipe (waits for its end for at most 5 s). Blocks on the disk.
/// Reads the files that it names, too. Never throws for what it contains; memory stays below 256 MiB.
LoadOutcome load_file(const std::string& path, ExecChecks exec = ExecChecks::refused);

/// The same for text that is already in memory; `file_name` is only used in the diagnostics.
LoadOutcome load_text(std::string_view text, const std::string& file_name,
                      ExecChecks exec = ExecChecks::refused);

}  // namespace reseat::config
