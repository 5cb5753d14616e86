// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/terminate/engine.hpp"

namespace reseat::bpf {

/// connect(AF_UNSPEC) on a duplicate of the application's descriptor (pidfd_getfd): ends Multipath TCP at
/// once, and sockets in network namespaces that we may not enter. TCP: the application sees ECONNRESET or
/// EPIPE. UDP: send() fails with EDESTADDRREQ, but a thread that sleeps in recv() is not woken. Costs by the
/// descriptors of the process. Needs CAP_SYS_PTRACE where the process is another user's.
class DescriptorEngine final : public TerminationEngine {
public:
    /// `cgroup`: where the workload's processes are. `only`: also ends what SOCK_DESTROY could.
    DescriptorEngine(std::shared_ptr<const Programs> programs, std::string cgroup, bool only)
        : programs_(std::move(programs)), cgroup_(std::move(cgroup)), only_(only) {}

    Engine kind() const override { return Engine::descriptor; }
    bool takes(const Target& target, Round round) const override;
    HandleChunk start(Round round) const override;

private:
    std::shared_ptr<const Programs> programs_;
    std::string cgroup_;
    bool only_;
};

}  // namespace reseat::bpf
