// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/terminate/engine.hpp"
#include "bpf/workers/batch.hpp"
#include "lb/control/data_plane.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace reseat::bpf {

/// What one look at the sockets of an order found.
struct Look {
    std::vector<Target> targets;
    bool again = false;  ///< not all is settled that was seen: another look has to follow
    std::string why;     ///< of what could not be looked at
};

/// What is to be ended. All functions are called on a worker, and what they use must be their own: they may
/// outlive everything else. They block, but take no socket's lock.
struct Order {
    /// `last`: no other look follows.
    std::function<Look(bool last)> look;
    /// A quicker look before the first one, which may miss sockets. May be null.
    std::function<Look()> quick_look;
    /// What is done to `undecided` targets. May be null if there are none.
    std::shared_ptr<const SocketStep> first_step;
    std::size_t reports = 1;
    std::optional<Duration> spread;  ///< as in lb::ReseatOrder
    /// These are the sockets of one life and of nothing else. A connect that arrives there late is reported
    /// by the programs. Other orders list all sockets, and have a last look in any case.
    bool whole_life = false;
};

/// Ends sockets: the one algorithm for all orders. A thread that is stuck on the lock of a socket delays no
/// other: the socket is reported as failed, and ends when it can. All on the thread of the loop.
class OrderExecutor {
public:
    using Engines = std::vector<std::shared_ptr<const TerminationEngine>>;

    /// `engines`: what ends sockets, best first. `workers` must outlive this.
    OrderExecutor(Workers& workers, std::shared_ptr<const Programs> programs,
                  std::shared_ptr<NetNamespaces> namespaces, Engines engines);

    /// Looks at once, and again after 1, 10 and 100 ms while something was not settled. Returns
    /// `order.reports` reports. This must outlive it.
    Task<std::vector<lb::TerminationReport>> run(Order order);

    std::vector<std::string> engine_names() const;

private:
    struct Running;

    Task<void> look_and_end(Running& running, std::function<Look()> look, Round round);
    Task<void> end_some(Running& running, Chunk some, Round round);
    Task<void> take_step(std::shared_ptr<const SocketStep> step, Chunk& targets, Round round);
    Task<Chunk> settle_stuck(BatchResult<Chunk, Chunk>::Stuck stuck, Chunk& targets);
    std::vector<std::shared_ptr<const SocketStep>> steps_of(const Order& order) const;

    Workers& workers_;
    std::shared_ptr<const Programs> programs_;
    std::shared_ptr<NetNamespaces> namespaces_;
    Engines engines_;
    std::shared_ptr<const SocketStep> late_multipath_;
    /// By cookie: sockets whose lock a worker waits for, until it returns. No other may wait for them too.
    std::unordered_map<std::uint64_t, std::weak_ptr<Calls>> stuck_;
};

}  // namespace reseat::bpf
