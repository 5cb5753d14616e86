// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/sock_diag.hpp"
#include "lb/control/data_plane.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace reseat::bpf {

/// Has something done on a thread that may block, and waits for it.
using RunBlocking = std::function<lb::Task<void>(std::function<void()>)>;

/// A socket that is to be ended, and which of the reports it counts in.
struct Target {
    SocketTuple tuple;
    std::size_t report = 0;
};
/// Finds those that are there now. Blocks.
using FindTargets = std::function<lb::Result<std::vector<Target>>(SockDiag&)>;

/// Ends what `find` finds by exact SOCK_DESTROY, each batch looked at immediately before: a socket that is
/// not connected there any more lives. Looks several times, as a connect may sit between its hook and the
/// kernel's part of it. `spread` as in lb::ReseatOrder. Returns `reports` reports.
lb::Task<std::vector<lb::TerminationReport>> end_sockets(RunBlocking run, std::shared_ptr<SockDiag> diag,
                                                         FindTargets find, std::size_t reports,
                                                         std::optional<lb::Duration> spread);

}  // namespace reseat::bpf
