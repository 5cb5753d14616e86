// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace reseat::proxy {

/// The entries of `directory` named PREFIX followed by the id of a process that is gone (as far as our PID
/// namespace shows). Never fails: what cannot be read gives nothing.
std::vector<std::filesystem::path> left_behind(const std::string& directory, const std::string& prefix);

}  // namespace reseat::proxy
