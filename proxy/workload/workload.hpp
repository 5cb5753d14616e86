// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/handles.hpp"

#include <optional>
#include <string>

#include <sys/types.h>

namespace reseat::proxy {

/// The cgroup whose processes are balanced.
struct Workload {
    std::string directory;             ///< may be opened for as long as this object lives
    std::string name;                  ///< the directory, for people
    std::optional<pid_t> member = {};  ///< a process that has to be in it or below it
    UniqueFd held = {};                ///< open on the directory as it was found; none: we made it ourselves
};

/// The cgroup named `cgroup`: an absolute path, or one below the cgroup2 mount, or a systemd slice
/// ("a-b.slice" is a.slice/a-b.slice), or "pod": the one above our own container's. Errors: `failed` it does
/// not exist or is no cgroup2 directory; for "pod" also `unsupported`, see find_pod().
Result<Workload> find_workload(const std::string& cgroup);

/// The cgroup of process `pid`: below a cgroup2 mount of reseat, or else, where it lives in a cgroup
/// namespace of its own, below one of its own, by way of /proc/PID/root. Errors: `failed` there is no such
/// process, it is in no cgroup2 or in the root cgroup, with all others; `unsupported` its root directory is
/// not accessible.
Result<Workload> find_workload_of(pid_t pid);

/// The cgroup of our pod: the one above our container's, which is the root of our cgroup namespace, found by
/// its inode below a mount of the host's cgroups; or found by its name where we have no such namespace.
/// Errors: `unsupported` no mount shows the cgroups above; `failed` reseat is not in a pod.
Result<Workload> find_pod();

/// `failed` unless the directory still is the cgroup that was found, and the member in it. To be asked after
/// attaching: whatever happened in between, what is attached then is the workload.
Result<void> check_workload(const Workload& workload);

/// Opens `directory`, which `asked` means; errors as of find_workload().
Result<Workload> open_workload(const std::string& directory, const std::string& asked);

}  // namespace reseat::proxy
