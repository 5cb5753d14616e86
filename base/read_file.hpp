// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <string>

namespace reseat {

/// The whole of a file, by plain reads: in procfs and cgroupfs a read may fail at any time, as what the file
/// tells of goes away (ESRCH, ENODEV) or has no answer (EOPNOTSUPP), and a stream's iterators throw then.
/// Error: "PATH: why".
Result<std::string> read_file(const std::string& path);

}  // namespace reseat
