// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace reseat::test {

/// A cgroup below another one. Removed, with what is in it, when this is destroyed.
class ChildCgroup {
public:
    enum class Kind { domain, threaded };
    /// Throws std::system_error.
    ChildCgroup(const std::string& parent, const std::string& name, Kind kind);
    ChildCgroup(const ChildCgroup&) = delete;
    ChildCgroup& operator=(const ChildCgroup&) = delete;
    ~ChildCgroup();

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace reseat::test
