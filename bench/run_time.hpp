// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace reseat::bench {

struct RunTime {
    std::uint64_t ns = 0;
    std::uint64_t runs = 0;
};

/// What the kernel counts for the programs attached to a cgroup, while this lives. The counting itself, two
/// readings of the clock for each run, is part of what it shows.
class RunTimes {
public:
    /// Throws std::system_error.
    explicit RunTimes(const std::string& cgroup);

    /// So far, by the programs' names.
    std::map<std::string, RunTime> read() const;

private:
    UniqueFd counting_;
    std::map<std::string, UniqueFd> programs_;
};

}  // namespace reseat::bench
