// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace reseat::test {

/// The programs attached to a cgroup, by name; they count their runs while this lives.
class AttachedPrograms {
public:
    explicit AttachedPrograms(const std::string& cgroup);

    bool counts() const { return static_cast<bool>(counting_); }
    std::map<std::string, std::uint64_t> runs() const;

private:
    void add(std::uint32_t id);

    UniqueFd counting_;
    std::map<std::string, UniqueFd> programs_;
};

}  // namespace reseat::test
