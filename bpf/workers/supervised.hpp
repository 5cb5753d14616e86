// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/workers/baton.hpp"
#include "bpf/workers/workers.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reseat::bpf {

/// Why a socket is left that a worker waits for.
inline constexpr auto kLocked =
    "another thread holds the socket lock (for example, in a page fault inside send())";

/// What the steps of one piece of work share: the holder of the baton owns it. Kept alive by each of them,
/// as a worker may use it while the one that awaits the end goes away.
struct Supervised {
    virtual ~Supervised() = default;
    /// A step threw.
    virtual void failed(const std::string& why) = 0;

    /// A worker that was overtaken, and still has this baton, waits for the lock of one of these; with those
    /// before that one it is through.
    std::vector<Flow> suspects;
    std::weak_ptr<Baton> waiting;
};

using Step = std::function<void(const std::shared_ptr<Baton>&)>;

/// Has `step` done by a worker; by another one, with another baton, for as long as one gets stuck in one call
/// and is overtaken: then `state` says what that one waits for. Cancelled: the worker continues on its own.
Task<void> supervise(Workers& workers, std::shared_ptr<Supervised> state, Step step);

/// Calls `step` with how many are due, until `left` says 0: as many a time as `spread` allows (pace.hpp).
Task<void> supervise_paced(Workers& workers, std::shared_ptr<Supervised> state,
                           std::optional<Duration> spread, std::function<std::size_t()> left,
                           std::function<void(const std::shared_ptr<Baton>&, std::size_t most)> step);

}  // namespace reseat::bpf
