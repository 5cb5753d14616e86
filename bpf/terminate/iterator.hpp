// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/terminate/engine.hpp"

#include <atomic>

struct destroy_bpf;

namespace reseat::bpf {

/// bpf_sock_destroy from iter/tcp and iter/udp, where the kernel supports it (6.5) and tracing is allowed
/// (CAP_PERFMON, BTF): ends all sockets of the life in the namespace, indexed or not. Costs by all sockets of
/// the namespace, and takes the lock of each TCP socket there: one that its owner holds keeps it waiting, and
/// with it all later users. For where SOCK_DESTROY is missing.
class IteratorEngine final : public TerminationEngine {
public:
    static Result<std::unique_ptr<IteratorEngine>> load(const Programs& programs,
                                                        std::shared_ptr<NetNamespaces> namespaces);
    ~IteratorEngine() override;

    Engine kind() const override { return Engine::iterator; }
    bool takes(const Target& target, Round round) const override;
    std::size_t chunk_size() const override { return kAll; }
    HandleChunk start(Round round) const override;

private:
    IteratorEngine(destroy_bpf* skeleton, std::shared_ptr<NetNamespaces> namespaces)
        : skeleton_(skeleton), namespaces_(std::move(namespaces)) {}
    void end(Chunk& chunk) const;
    Result<unsigned> end_all(const lb_ending& what, std::uint64_t netns) const;
    Result<lb_ending> one_pass(const lb_ending& what, std::uint64_t netns) const;

    destroy_bpf* skeleton_;
    std::shared_ptr<NetNamespaces> namespaces_;
    mutable std::atomic<bool> busy_ = false;
};

}  // namespace reseat::bpf
