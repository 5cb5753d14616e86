// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/host_witness.hpp"
#include "lb/health/probe/probe.hpp"

#include <memory>
#include <optional>

namespace reseat::lb {

/// Finds out what the silence of a check says of the backend's host. A check that asks another address or
/// port, that is a command, or that uses UDP, does not speak for the host: its silence is `no_answer` only if
/// the address where the backend serves does not answer a TCP connect either, be it by a refusal, and
/// `unresponsive` otherwise. One that connects to that address itself speaks for it, until the process hangs
/// and leaves its queue of connections to fill up, when the kernel drops new connections: then a connection
/// from before shows it (HostWitness). As long as checks pass, nothing but them is asked.
class HostProbe final : public Probe {
public:
    /// `serves`: where the backend serves. `check`, `target` and `means` are those that `probe` was made of.
    HostProbe(std::unique_ptr<Probe> probe, const Endpoint& serves, const HealthCheck& check,
              const ProbeTarget& target, const ProbeMeans& means);

    Task<ProbeResult> once(Duration timeout) override;

private:
    Task<ProbeResult> ask_both(Duration timeout);
    Task<ProbeResult> ask_with_witness(Duration timeout);

    std::unique_ptr<Probe> check_;
    CheckType type_;
    std::unique_ptr<Probe> host_;  ///< at the address where the backend serves; null: that is what is checked
    HostWitness witness_;
    bool one_decides_;      ///< the first failure is a verdict
    bool in_doubt_ = true;  ///< the next failure may be one
};

/// Says in the result of a check what it means beside that of a connect to where the backend serves; nothing:
/// that got no answer yet.
void judge_silence(CheckType type, ProbeResult& check, const std::optional<ProbeResult>& host);

}  // namespace reseat::lb
