// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/net_namespaces.hpp"
#include "bpf/workers.hpp"
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
    std::size_t channel = 0;  ///< of end_sockets(): into its network namespace
};
/// Finds those that are there now, in one network namespace. Blocks.
using FindTargets = std::function<lb::Result<std::vector<Target>>(SockDiag&)>;

/// Ends what `find` finds by exact SOCK_DESTROY, each batch looked at immediately before: a socket that is
/// not connected there any more lives. Looks several times, as a connect may sit between its hook and the
/// kernel's part of it. `spread` as in lb::ReseatOrder. Returns `reports` reports. A socket
/// whose lock is held keeps those behind it waiting.
lb::Task<std::vector<lb::TerminationReport>> end_sockets(Workers& workers,
                                                         std::shared_ptr<NetNamespaces> namespaces,
                                                         FindTargets find, std::size_t reports,
                                                         std::optional<lb::Duration> spread);

}  // namespace reseat::bpf
