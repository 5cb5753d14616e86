// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <string>
#include <variant>
#include <vector>

namespace reseat::lb {

/// A command that runs for a probe or as a source: without a shell, in a session and process group of its
/// own, standard input empty, no other descriptor of reseat. Ends with this object: what is left of its group
/// is killed, and its process is reaped as soon as it is dead.
class Command {
public:
    /// Where its standard error goes.
    enum class Errors { with_output, nowhere };

    /// `environment`: NAME=VALUE, in addition to reseat's. Throws boost::system::system_error where processes
    /// or descriptors are lacking.
    Command(asio::any_io_executor executor, const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment, const SessionPreparer& prepare,
            Errors errors = Errors::with_output);
    ~Command();
    Command(const Command&) = delete;

    /// 0 once it runs, or why it cannot, as errno.
    Task<int> started();
    /// What it writes, as it comes; `eof` once no process can write any more.
    asio::posix::stream_descriptor& output() { return output_; }
    /// Waits until it has ended.
    Task<void> ended();
    /// After ended(): as from waitpid(). Kills the rest of the group.
    int status();

private:
    void reap_later();

    pid_t pid_ = -1;  ///< 0 once it was reaped
    asio::posix::stream_descriptor output_, report_, process_;
    std::function<void(pid_t)> end_session_;
};

}  // namespace reseat::lb
