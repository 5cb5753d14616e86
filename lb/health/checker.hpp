// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/health_tracker.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace reseat::lb {

/// The last probe as /status shows it.
struct CheckStatus {
    ProbeResult result;
    std::chrono::system_clock::time_point at{};
    unsigned passes = 0;
    unsigned failures = 0;
};

/// Keeps asking one backend and reports each verdict. Runs on one executor thread; never blocks it.
/// A probe that comes back late because our own loop stalled is not held against the backend [E42].
class Checker {
public:
    /// `on_result` hears every result, with the verdict that it brought, if any.
    using OnResult = std::function<void(const CheckStatus&, const std::optional<HealthEvent>&)>;

    Checker(const HealthCheck& check, const Endpoint& backend, SocketPreparer prepare, OnResult on_result);

    /// Probes at once, then for ever; ends by cancellation. With `check.watch` and a tcp check, holds one
    /// idle connection beside: when it ends, confirming probes start within the same millisecond.
    Task<void> run();

private:
    Task<void> watch();

    HealthCheck check_;
    Endpoint endpoint_;
    SocketPreparer prepare_;
    OnResult on_result_;
    HealthTracker tracker_;
    std::unique_ptr<Probe> probe_;
    std::shared_ptr<class WakeUp> wake_up_;  ///< ends a pause between probes early
};

}  // namespace reseat::lb
