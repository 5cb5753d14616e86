// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace reseat::proxy {

/// The process that holds an exclusive flock on the file with this inode and device number, in the text of
/// /proc/locks.
std::optional<pid_t> parse_locks(std::string_view text, dev_t device, ino_t inode);

/// `error` of attaching to `cgroup`, with the process and the instance that hold it, above or below it, as
/// far as they can be seen.
Error with_holder(Error error, const std::string& cgroup);

}  // namespace reseat::proxy
