// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"
#include "bpf/maps/programs.hpp"
#include "bpf/sockets/net_namespaces.hpp"

#include <boost/asio/thread_pool.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace reseat::bpf {

/// Takes UDP sockets out of the index that are not connected to their backend, so that they count as open no
/// more: no hook runs when an application unconnects one (AF_UNSPEC), nor when it is aborted from outside. As
/// a connect may sit between its hook and the kernel's part of it, two looks must find the socket so, a
/// second apart, and its connect must be three seconds ago.
class UnconnectedSockets {
public:
    explicit UnconnectedSockets(const Programs& programs) : index_(programs) {}

    /// `flows`: as resolve_udp() left them. Returns how many were taken out.
    std::size_t let_go(std::span<const Flow> flows);

private:
    FlowIndex index_;
    /// Cookie and key of each that was not connected at the last look, and since when.
    std::map<std::pair<std::uint64_t, std::uint64_t>, TimePoint> suspects_;
};

/// Does that for all sockets of the lives that `leaving` names, until cancelled: looks again and again while
/// they have sockets. Works on `pool`, a fiftieth of the time at most.
Task<void> let_go_of_unconnected(const Programs& programs, NetNamespaces& namespaces, asio::thread_pool& pool,
                                 std::function<std::vector<FiledLife>()> leaving);

}  // namespace reseat::bpf
