// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/terminate/engine.hpp"

namespace reseat::bpf {

/// Looks for what was not found where it is filed: a dump filtered by state and port, matched by cookie; then
/// as TupleEngine. Costs by all sockets of the namespace to that port.
class DiagEngine final : public TerminationEngine {
public:
    Engine kind() const override { return Engine::diag; }
    void end(Ending& ending) override;
};

}  // namespace reseat::bpf
