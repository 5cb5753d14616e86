// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/terminate/engine.hpp"

namespace reseat::bpf {

/// Ends sockets by exact SOCK_DESTROY (tuple, cookie and bound device), each batch looked at immediately
/// before: a socket that was unconnected meanwhile, or listens, is still found under its old tuple. What is
/// not found so is left `unseen`: it may be bound to a device by now, or hidden behind a twin. Multipath TCP
/// is left to an engine that can end it.
class TupleEngine final : public TerminationEngine {
public:
    Engine kind() const override { return Engine::tuple; }
    void end(Ending& ending) override;
};

/// What TupleEngine does to flows whose tuples are known to be right. `multipath`: also to those, whose
/// application then waits for net.mptcp.close_timeout.
void end_by_tuple(Ending& ending, std::vector<Flow> flows, bool multipath);

}  // namespace reseat::bpf
