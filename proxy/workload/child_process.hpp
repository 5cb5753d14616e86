// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

namespace reseat::proxy {

/// Why a command did not start, and the exit status that says so (as env(1)).
struct StartFailure {
    int exit_status = 125;  ///< 125 our own fault, 126 it cannot be run, 127 it was not found
    std::string message;
};

/// What we were started with and change for ourselves; a command that we start gets it back.
struct Inherited {
    sigset_t mask{};
    bool ignores_sigpipe = false;
    rlimit descriptor_limit{};
    std::vector<unsigned> descriptors;  ///< in order; of those that we open since, the command gets none

    /// That of the calling thread, now.
    static Inherited current();
};

/// A command that we started; in our process group, so that it keeps the terminal. Not killed when this
/// object ends.
class ChildProcess {
public:
    /// Starts `arguments` inside the cgroup whose cgroup.procs is open at `cgroup_procs`, so that every
    /// socket of its is made there. Returns once it runs.
    static std::variant<std::unique_ptr<ChildProcess>, StartFailure> start(
        asio::any_io_executor executor, const std::vector<std::string>& arguments, int cgroup_procs,
        const Inherited& inherited);

    /// Sends it a signal; nothing when it has ended.
    void signal(int number);

    /// Waits for its end: its exit status, or 128 + N when signal N ended it. Call once.
    Task<int> wait();

private:
    ChildProcess(asio::any_io_executor executor, pid_t pid, int pidfd)
        : pid_(pid), pidfd_(std::move(executor), pidfd) {}

    pid_t pid_;
    asio::posix::stream_descriptor pidfd_;
    bool ended_ = false;
};

}  // namespace reseat::proxy
