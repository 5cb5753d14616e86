// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lab/net_namespace.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include <sys/types.h>

namespace reseat::test {

/// A child process; killed and reaped when this is destroyed. It does not outlive the thread that made it.
class Process {
public:
    /// Forks a child that joins the cgroup `cgroup` and the namespace `net`, calls `body` and exits with
    /// what it returns (255 if it throws, after telling stderr). It inherits all descriptors: a socket that
    /// the test closes stays open in a child that was made before.
    Process(const std::string& cgroup, const lab::NetNamespace& net, const std::function<int()>& body);
    Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    Process& operator=(Process&& other) noexcept;
    ~Process();

    pid_t pid() const { return pid_; }
    /// Its exit status, or 128 + the signal that ended it. Kills it and throws std::runtime_error when it
    /// has not ended in time.
    int wait(std::chrono::milliseconds within = std::chrono::seconds(20));
    void kill();

private:
    pid_t pid_ = -1;
};

}  // namespace reseat::test
