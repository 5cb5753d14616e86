// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "bpf/maps/flow_index.hpp"
#include "bpf/orders/source_address.hpp"
#include "bpf/procfs/descriptor_table.hpp"
#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/sockets/sock_diag.hpp"
#include "bpf/terminate/engine.hpp"

#include <functional>
#include <string>
#include <unordered_map>

namespace reseat::bpf {

/// Connects a workload's UDP socket to a live backend without the application noticing: takes a duplicate of
/// its descriptor (pidfd_getfd) and connects that to the service address again, so that the workload's own
/// programs translate it. The local port stays, and so do the source address and the device that the
/// application bound; a source address that it did not bind becomes the one that the way to the new backend
/// needs. Blocks; one thread.
class Repointer {
public:
    struct Result {
        /// `moved`. `spared`: closed, unconnected or re-connected by the application meanwhile. `pending`:
        /// the application is about to connect it elsewhere, or tried to; or another one moves it.
        /// `in_flight`: no process has its descriptor. `open`: still on the old backend, to be ended.
        State state = State::open;
        std::string why;
    };

    /// `mark` exempts reseat's sockets from balancing. What is read from /proc is remembered: make one per
    /// look.
    Repointer(const Programs& programs, NetNamespaces& namespaces, std::string cgroup,
              std::function<void(int)> mark);

    /// `flow` is resolved and was verified to be connected to the life's backend; where it is `open` still,
    /// it says how to find the socket now. `insist`: a connect by the application that did not come through
    /// until now has failed.
    Result repoint(SockDiag& diag, Flow& flow, bool insist);

private:
    struct Process {
        UniqueFd pidfd;
        DescriptorTable descriptors;
    };
    struct Target {
        std::uint32_t index = 0;
        lb::LifeId life = 0;
        lb_endpoint endpoint{};
    };
    class Claim;
    /// A socket on its way.
    struct Move {
        SockDiag& diag;
        int fd;
        Flow& flow;
        const lb_record& record;  ///< that names its actual peer
        const Target& target;
        bool settled;  ///< the application is not connecting it elsewhere
        const Claim& claim;
    };

    UniqueFd duplicate(const Flow& flow, std::string& why, bool& in_flight);
    UniqueFd duplicate_from(std::uint32_t pid, const Flow& flow, std::string& why);
    Process* process(std::uint32_t pid, std::string& why);
    bool choose_target(const lb_owner& owner, const lb_record& record, Target& target) const;
    Result move(const Move& move, bool bound);
    Result connect_directly(const Move& move) const;
    Result rebind_and_connect(const Move& move);
    Result confirm(const Move& move) const;
    Result cannot_reach(const Move& move, const std::string& why) const;

    const Programs& programs_;
    std::string cgroup_;
    SourceAddress source_;
    FlowIndex index_;
    std::uint32_t own_tgid_ = 0;
    std::unordered_map<std::uint32_t, Process> processes_;
    std::vector<std::uint32_t> workload_pids_;  ///< read when the recorded process does not have the socket
    bool workload_read_ = false;
    mutable std::uint32_t turn_ = 0;
};

}  // namespace reseat::bpf
