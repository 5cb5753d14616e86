// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/orders/stuck_sockets.hpp"
#include "bpf/sockets/net_namespaces.hpp"
#include "bpf/workers/workers.hpp"
#include "lb/control/data_plane.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace reseat::bpf {

/// A socket that is to be ended, and which of the reports it counts in.
struct Target {
    SocketTuple tuple;
    std::size_t report = 0;
    std::uint64_t netns = 0;  ///< of end_sockets(): cookie of its network namespace
};
/// Finds those that are there now, in one network namespace. Blocks.
using FindTargets = std::function<Result<std::vector<Target>>(SockDiag&)>;

/// Ends what `find` finds by exact SOCK_DESTROY, each batch looked at immediately before: a socket that is
/// not connected there any more lives. Looks again 100 ms later, as a connect may sit between its hook
/// and the kernel's part of it, and in between while something is found: each look is a dump. `spread` as in
/// lb::ReseatOrder. Returns `reports` reports. A socket whose lock is held delays no other: it is reported as
/// failed, noted in `stuck`, and ends when it can.
Task<std::vector<lb::TerminationReport>> end_sockets(Workers& workers,
                                                     std::shared_ptr<NetNamespaces> namespaces,
                                                     std::shared_ptr<StuckSockets> stuck, FindTargets find,
                                                     std::size_t reports, std::optional<Duration> spread);

}  // namespace reseat::bpf
