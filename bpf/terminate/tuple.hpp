// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/flow_index.hpp"
#include "bpf/sock_diag.hpp"

#include <span>

namespace reseat::bpf {

enum class Fate { ended, gone, failed };

struct TupleOutcome {
    Fate fate = Fate::gone;
    int error = 0;  ///< errno, where it failed
};

/// Ends sockets by exact SOCK_DESTROY (tuple, cookie and bound device). `gone`: no such socket any more. UDP
/// must have been verified with SockDiag::find_udp just before: a socket that was unconnected meanwhile is
/// still found under its old tuple. One outcome per flow.
lb::Result<std::vector<TupleOutcome>> terminate_tuples(SockDiag& diag, std::span<const Flow> flows);

}  // namespace reseat::bpf
