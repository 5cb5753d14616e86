// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/remembered.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace reseat::proxy {

/// What a previous process left at `path`. Anything but a regular file of our own user that can be read whole
/// is ignored with a line in the log; one that is not there, without.
std::vector<lb::Remembered> read_state_file(const std::string& path);

/// Replaces the file by rename, mode 0600. Blocks on the disk. Error: "PATH: why".
Result<void> write_state_file(const std::string& path, std::string_view text);

}  // namespace reseat::proxy
