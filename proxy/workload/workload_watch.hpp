// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <optional>
#include <string>

namespace reseat::proxy {

/// Counts how long a workload has been empty. No clock of its own: step it by hand.
class IdleClock {
public:
    /// Zero: it may be empty for ever.
    explicit IdleClock(Duration limit) : limit_(limit) {}

    /// What is left until the limit; zero: reached. Nothing while there are processes, or without a limit.
    std::optional<Duration> on_look(bool populated, TimePoint now);

private:
    Duration limit_;
    std::optional<TimePoint> empty_since_;
};

/// True while processes are in the cgroup or below it.
bool is_populated(const std::string& cgroup);

enum class WorkloadEnd { removed, idle };

/// Returns when the cgroup is gone, or its directory is another one of the same name; or, with `idle` > 0,
/// when there has been no process in it or below it for that long. Woken by the kernel, not polling.
Task<WorkloadEnd> workload_end(std::string cgroup, Duration idle);

}  // namespace reseat::proxy
