// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/orders/repoint.hpp"
#include "bpf/orders/stuck_sockets.hpp"
#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/terminate/engine.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reseat::bpf {

/// Terminates or re-points the sockets of lives: the steps of an order, each of which may block. Thread-safe;
/// shared with the workers, as one that is stuck may outlive everybody else.
class OrderExecutor {
public:
    using Engines = std::vector<std::unique_ptr<TerminationEngine>>;

    /// `engines`: what ends sockets, best first. `only`: the index or the dump is to be left aside. `mark`
    /// exempts reseat's own sockets from balancing.
    OrderExecutor(std::shared_ptr<const Programs> programs, std::shared_ptr<NetNamespaces> namespaces,
                  std::string cgroup, std::function<void(int)> mark, Engines engines,
                  std::optional<Engine> only);

    /// One look at all sockets of the order's life: handles UDP, and finds the TCP sockets to be ended.
    /// Clears `left`, `again` and `in_flight` first.
    void look(Sweep& sweep, const std::shared_ptr<Baton>& baton);
    /// Ends the first `count` of `sweep.tcp`.
    void end_tcp(Sweep& sweep, const std::shared_ptr<Baton>& baton, std::size_t count);

    std::vector<std::string> engine_names() const;

private:
    std::vector<Flow> find(Sweep& sweep) const;
    void add_owned(Sweep& sweep, std::vector<Flow>& flows) const;
    unsigned settle_suspects(Sweep& sweep);
    std::vector<Flow> quiet_ones(std::vector<Flow> flows, Sweep& sweep, Baton& baton);
    void handle_udp(std::uint64_t netns, std::vector<Flow> flows, Sweep& sweep, Baton& baton);
    std::vector<Flow> connected(SockDiag& diag, std::vector<Flow> flows, Sweep& sweep) const;
    std::vector<Flow> repoint(const std::shared_ptr<SockDiag>& diag, std::vector<Flow> flows, Sweep& sweep,
                              Baton& baton) const;
    void terminate(std::uint64_t netns, std::vector<Flow> flows, Sweep& sweep, Baton& baton);
    void settle_leftovers(Ending& ending) const;

    std::shared_ptr<const Programs> programs_;
    std::shared_ptr<NetNamespaces> namespaces_;
    std::string cgroup_;
    std::function<void(int)> mark_;
    FlowIndex index_;
    std::shared_ptr<SocketCheck> look_;
    Engines engines_;
    std::optional<Engine> only_;
    StuckSockets stuck_;
};

}  // namespace reseat::bpf
