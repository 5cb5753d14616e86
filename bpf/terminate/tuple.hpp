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

/// Ends sockets by exact SOCK_DESTROY (tuple, cookie and bound device), each batch looked at immediately
/// before: a socket that was unconnected meanwhile, or listens, is still found under its old tuple. `gone`:
/// no socket like that is connected there. One outcome per flow.
lb::Result<std::vector<TupleOutcome>> terminate_tuples(SockDiag& diag, std::span<const Flow> flows);

}  // namespace reseat::bpf
