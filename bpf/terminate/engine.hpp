// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/options.hpp"
#include "bpf/sockets/sock_diag.hpp"
#include "bpf/terminate/sweep.hpp"
#include "bpf/workers/baton.hpp"

#include <memory>
#include <string>
#include <vector>

namespace reseat::bpf {

class SocketCheck;

/// Sockets of one life in one network namespace on the way to their end. Each engine takes out what it ended
/// or saw gone; what it leaves is for the next one.
struct Ending {
    Sweep& sweep;
    Baton& baton;
    const FlowIndex& index;
    lb_endpoint backend{};           ///< the life's
    std::uint64_t netns = 0;         ///< cookie of the network namespace
    std::shared_ptr<SockDiag> diag;  ///< null: no way into the namespace
    SocketCheck* look = nullptr;     ///< null: sock_diag is to be asked

    std::vector<Flow> open;    ///< to be ended
    std::vector<Flow> unseen;  ///< to be ended, but not found where they are filed
    std::string why;           ///< of the first that could not be ended

    std::vector<Flow> settled;  ///< not taken out of the index yet

    void ended(const Flow& flow);
    /// Nothing is connected to the backend any more.
    void gone(const Flow& flow);
    void stays(const Flow& flow, const std::string& reason);
    /// Takes what is settled out of the index: before every wait, as this may be the last one.
    void clear_index();
    bool is_udp() const;
};

/// One way to end sockets. Each makes sure of the socket (cookie, peer, state) immediately before.
/// Thread-safe.
class TerminationEngine {
public:
    virtual ~TerminationEngine() = default;
    virtual Engine kind() const = 0;
    virtual void end(Ending& ending) = 0;
};

}  // namespace reseat::bpf
