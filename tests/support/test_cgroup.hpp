// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace reseat::test {

/// Where cgroup2 is mounted, from /proc/self/mountinfo. Throws std::runtime_error when it is not.
std::string cgroup2_mount();

/// A cgroup2 directory of our own, "reseat-test-NAME-PID". Making one also removes those whose PID, the
/// test that made them, is dead. Destroying it ends the processes that are still in it.
class TestCgroup {
public:
    /// Throws std::system_error.
    explicit TestCgroup(const std::string& name);
    TestCgroup(const TestCgroup&) = delete;
    TestCgroup& operator=(const TestCgroup&) = delete;
    ~TestCgroup();

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// Moves the calling process into the cgroup `path`. Throws std::system_error.
void join_cgroup(const std::string& path);
/// Ends what runs in the cgroup `path` and below and removes it; no matter if it is gone. False when it is
/// still there after 10 s.
bool remove_cgroup(const std::string& path);

}  // namespace reseat::test
