// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/baton.hpp"
#include "bpf/workers.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace reseat::bpf {

/// Why a socket is left that a worker waits for.
inline constexpr auto kLocked =
    "its owner holds the socket's lock (it sleeps in a page fault inside send(), say)";

/// Has `step`, which carries `baton`, done by a worker. False: the worker is stuck in one call and was
/// overtaken: `suspects` is what it waits for, and the step is to be taken anew, with another baton.
/// Cancelled: the worker goes on by itself.
lb::Task<bool> try_step(Workers& workers, std::shared_ptr<Baton> baton, std::function<void()> step,
                        std::vector<Flow>& suspects);

}  // namespace reseat::bpf
