// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/terminate/engine.hpp"

namespace reseat::bpf {

class SocketCheck;

/// Ends sockets by exact SOCK_DESTROY (tuple, cookie and bound device), each chunk looked at immediately
/// before: a socket that was unconnected meanwhile, or listens, is still found under its old tuple. What is
/// not found so is `unseen`: it may be bound to a device by now, or hidden behind a twin.
class ExactEnder {
public:
    static constexpr std::size_t kChunk = 128;  // small, so that little time passes between look and end

    /// `check`: null: sock_diag is asked instead.
    ExactEnder(std::shared_ptr<NetNamespaces> namespaces, std::shared_ptr<SocketCheck> check)
        : namespaces_(std::move(namespaces)), check_(std::move(check)) {}

    /// A channel into the namespace of these targets. Null: they are `unreachable` now.
    std::shared_ptr<SockDiag> channel(std::span<Target* const> targets) const;
    /// All of the network namespace that `diag` sees. `multipath`: also Multipath TCP, whose application then
    /// waits for net.mptcp.close_timeout.
    void end(SockDiag& diag, std::span<Target* const> targets, bool multipath) const;

private:
    std::vector<Target*> look(SockDiag& diag, std::span<Target* const> targets) const;

    std::shared_ptr<NetNamespaces> namespaces_;
    std::shared_ptr<SocketCheck> check_;
};

/// ExactEnder for what is where it is filed. Multipath TCP is left to an engine that can end it; `late`: it
/// is what is ended, where no other engine could.
class TupleEngine final : public TerminationEngine {
public:
    explicit TupleEngine(ExactEnder ender, bool late = false) : ender_(std::move(ender)), late_(late) {}

    Engine kind() const override { return Engine::tuple; }
    bool takes(const Target& target, Round /*round*/) const override {
        return target.state == (late_ ? State::multipath : State::open);
    }
    std::size_t chunk_size() const override { return ExactEnder::kChunk; }
    HandleChunk start(Round round) const override;

private:
    ExactEnder ender_;
    bool late_;
};

std::vector<Target*> pointers_to(Chunk& chunk);

}  // namespace reseat::bpf
