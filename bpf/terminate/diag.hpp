// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/byte_order.hpp"
#include "bpf/terminate/tuple.hpp"

#include <unordered_map>
#include <unordered_set>

namespace reseat::bpf {

/// One look at where sockets are now, by a dump filtered by state and port, matched by cookie: one dump for
/// all sockets of a peer in a network namespace. Costs by all sockets of the namespace. One thread.
class DiagSearch {
public:
    /// Fills in the tuple of a socket in the namespace that `diag` sees: it is `open`, or else `gone`. False:
    /// it is not known where it is, or it was looked for before.
    bool locate(SockDiag& diag, Target& target);

private:
    using Sockets = std::unordered_map<std::uint64_t, DiagSocket>;  ///< by cookie
    using ByPeer = std::unordered_map<lb_endpoint, Result<Sockets>, EndpointHash, SameEndpoint>;

    const Result<Sockets>& connected_as(SockDiag& diag, const Flow& flow);

    std::unordered_map<std::uint64_t, ByPeer> by_namespace_;
    std::unordered_set<std::uint64_t> sought_;
};

/// DiagSearch for what was not found where it is filed, then as ExactEnder.
class DiagEngine final : public TerminationEngine {
public:
    /// `only`: there is no other engine.
    DiagEngine(ExactEnder ender, bool only) : ender_(std::move(ender)), only_(only) {}

    Engine kind() const override { return Engine::diag; }
    bool takes(const Target& target, Round round) const override;
    std::size_t chunk_size() const override { return ExactEnder::kChunk; }
    HandleChunk start(Round round) const override;

private:
    ExactEnder ender_;
    bool only_;
};

}  // namespace reseat::bpf
