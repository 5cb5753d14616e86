// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"
#include "bpf/options.hpp"

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace reseat::bpf {

/// What is known of a socket that an order is about.
enum class State {
    undecided,  ///< is ended only if the order's own step finds that it has to be
    // To be ended:
    open,
    unseen,       ///< was not found where it is filed
    multipath,    ///< of Multipath TCP: what is filed is a subflow, the application has another socket
    hidden,       ///< UDP: a lookup of its tuple returns another socket
    unreachable,  ///< there is no way into its network namespace
    // Nothing is left to do in this look:
    ended,
    moved,      ///< to another backend
    gone,       ///< nothing is connected there any more
    spared,     ///< it is not to be ended
    pending,    ///< cannot be settled now: to be looked at again soon
    in_flight,  ///< the same: its descriptor is on the way from one process to another
    stuck,      ///< another thread holds its lock
    failed,
};
constexpr bool is_settled(State state) {
    return state >= State::ended;
}

struct Target {
    Flow flow;               ///< life 0: of no life
    std::size_t report = 0;  ///< which of the order's reports it counts in
    State state = State::open;
    std::string why;   ///< it could not be ended
    std::string note;  ///< worth reporting even if it is ended

    /// It stays in its state; the first reason is kept.
    void stays(const std::string& reason) {
        if (why.empty()) why = reason;
    }
};

/// Targets of one network namespace that are handled by one call.
using Chunk = std::vector<Target>;
using HandleChunk = std::function<void(Chunk&)>;

/// Which look of an order it is.
struct Round {
    bool last = false;    ///< no other look follows: what is still pending is decided now
    bool listed = false;  ///< looks of this order list all sockets: there is nothing else to be found
};

/// Something that is done to sockets by calls that may wait for their locks. Thread-safe.
class SocketStep {
public:
    static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

    virtual ~SocketStep() = default;
    virtual bool takes(const Target& target, Round round) const = 0;
    /// How many sockets one call handles.
    virtual std::size_t chunk_size() const { return 1; }
    /// Returns the call, for one thread and one look. This must outlive it.
    virtual HandleChunk start(Round round) const = 0;
};

/// One way to end sockets. Each makes sure of the socket (cookie, peer, state) immediately before; what it
/// cannot end stays, and is for the next one.
class TerminationEngine : public SocketStep {
public:
    virtual Engine kind() const = 0;
};

}  // namespace reseat::bpf
