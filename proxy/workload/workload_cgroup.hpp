// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/task.hpp"

#include <string>

namespace reseat::proxy {

/// A cgroup of our own, for a workload that we start ourselves. Removed when destroyed; what still runs in
/// it by then is killed.
class WorkloadCgroup {
public:
    /// Makes "KIND-PID" at the top of the cgroup2 mount, after removing the empty "KIND-*" of processes that
    /// are gone. `unsupported` without a cgroup2 mount; `failed` where we may not create one.
    static Result<WorkloadCgroup> create(const std::string& kind);

    WorkloadCgroup(WorkloadCgroup&& other) noexcept;
    WorkloadCgroup& operator=(WorkloadCgroup&&) = delete;
    ~WorkloadCgroup();

    const std::string& path() const { return path_; }

    /// Open on cgroup.procs, close-on-exec: a forked child writes "0" to it and is in the cgroup.
    int procs() const { return procs_; }

    /// Ends what runs in the cgroup: SIGTERM now, SIGKILL after `patience`. Returns once it is empty.
    Task<void> empty(Duration patience);

private:
    WorkloadCgroup(std::string path, int procs) : path_(std::move(path)), procs_(procs) {}

    std::string path_;  ///< empty: moved from
    int procs_;
};

}  // namespace reseat::proxy
