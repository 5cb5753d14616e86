// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::proxy {

/// Where cgroup2 is mounted (`path`) and which cgroup the mount shows at its top (`root`), as our cgroup
/// namespace names it: "/" is the namespace's root, "/.." the cgroup above that.
struct CgroupMount {
    std::string path;
    std::string root;
};

/// The cgroup2 mounts in the text of a /proc/PID/mountinfo.
std::vector<CgroupMount> parse_cgroup_mounts(std::string_view text);

/// The cgroup2 path in the text of a /proc/PID/cgroup: what follows "0::". Outside of our cgroup namespace it
/// starts with "/..".
std::optional<std::string> parse_process_cgroup(std::string_view text);

/// Where the cgroup `cgroup` is below the top of a mount that shows `root`: "" for the top itself. Nothing:
/// the mount does not show it.
std::optional<std::string> below(std::string_view root, std::string_view cgroup);

/// `relative` below `directory`; "" is the directory itself.
std::string join(const std::string& directory, const std::string& relative);

/// The cgroup2 mounts that this process sees.
Result<std::vector<CgroupMount>> cgroup_mounts();

/// Of these, the first that shows all of our cgroup namespace, else any. `unsupported` when there is none.
Result<CgroupMount> cgroup_mount();

/// True for the directory of the hierarchy's root: every process of this machine is below it.
bool is_root_cgroup(const std::string& directory);

}  // namespace reseat::proxy
