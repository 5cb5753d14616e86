// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe_socket.hpp"

#include <string>
#include <vector>

namespace reseat::lb {

class Command;

/// Runs a command; exit status 0 passes. It finds RESEAT_SERVICE, RESEAT_BACKEND, RESEAT_ADDRESS and
/// RESEAT_PORT in its environment. The first line that it prints explains the result. At the timeout it is
/// killed with its process group, as it is when it prints more than 64 KiB; what it has left running when it
/// ends, too. One that cannot be run says nothing about the backend.
class ExecProbe final : public Probe {
public:
    ExecProbe(ExecCheck check, const ProbeTarget& target, const ProbeMeans& means);

    Task<ProbeResult> once(Duration timeout) override;

private:
    Task<ProbeResult> attempt();
    Task<ProbeResult> watch(Command& command);
    Task<void> read_output(Command& command);

    ExecCheck check_;
    std::vector<std::string> environment_;
    SessionPreparer prepare_;
    std::string printed_;     ///< the first line, cut
    std::size_t length_ = 0;  ///< bytes printed
};

}  // namespace reseat::lb
