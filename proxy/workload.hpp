// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/error.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace reseat::proxy {

/// Where cgroup2 is mounted (`path`) and which cgroup the mount shows at its top (`root`, "/" as a rule).
struct CgroupMount {
    std::string path;
    std::string root;
};

/// The cgroup2 mount in the text of a /proc/PID/mountinfo; of several, the first that shows all of it.
std::optional<CgroupMount> parse_mountinfo(std::string_view text);

/// The cgroup2 path in the text of a /proc/PID/cgroup: what follows "0::".
std::optional<std::string> parse_process_cgroup(std::string_view text);

/// This process's cgroup2 mount. `unsupported` when there is none.
lb::Result<CgroupMount> cgroup_mount();

/// The directory of the cgroup named `path`: absolute, or relative to the cgroup2 mount. `failed` when it
/// does not exist or is no cgroup2 directory; `unsupported` without a cgroup2 mount.
lb::Result<std::string> find_cgroup(const std::string& path);

/// The directory of the cgroup in which process `pid` is. Errors as above.
lb::Result<std::string> find_cgroup_of(pid_t pid);

/// True for the directory of the hierarchy's root: every process of this machine is below it.
bool is_root_cgroup(const std::string& directory);

}  // namespace reseat::proxy
