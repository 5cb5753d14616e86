// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/check_mode.hpp"
#include "lb/health/health_tracker.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace reseat {
class WakeUp;
}

namespace reseat::lb {

enum class WatchEnd;

/// The last probe as /status shows it, and what came to be known with it.
struct CheckStatus {
    ProbeResult result;
    std::chrono::system_clock::time_point at{};
    unsigned passes = 0;
    unsigned failures = 0;
    /// The backend's host no longer knows a connection of reseat that was opened then: it was restarted
    /// since, or its address is another host's now.
    std::optional<TimePoint> forgot;
};

/// True if an answer that took `elapsed` may be missing through our own fault: the deadline came later than
/// it was due by more than 100 ms or half the timeout, whichever is longer [E42].
bool our_loop_stalled(Duration elapsed, Duration timeout);

/// When to probe again: after `pause` less a random part of `percent` of it, never later. Moments of one
/// process fall together in ticks of up to 250 ms, as far as half of that leeway allows: waking up costs more
/// than a probe does (bench/check_cost).
TimePoint due_with_jitter(TimePoint now, Duration pause, unsigned percent);

/// Keeps asking one backend and reports each verdict. Runs on one executor thread; never blocks it.
/// A probe that comes back late because our own loop stalled is not held against the backend: it becomes
/// `not_probed` and is repeated at once [E42].
class Checker {
public:
    /// `on_result` hears every result, with the verdict that it brought, if any.
    using OnResult = std::function<void(const CheckStatus&, const std::optional<HealthEvent>&)>;

    /// `check.type` is not `none`. `known`: the first verdict is needed only where nothing is. `pace`: shared
    /// by all checkers that are to share it.
    Checker(const HealthCheck& check, const ProbeTarget& target, const ProbeMeans& means, OnResult on_result,
            KnownHealth known = {}, std::shared_ptr<UrgentPace> pace = std::make_shared<UrgentPace>());
    ~Checker();

    /// Probes after `delay`, then for ever; ends by cancellation. Pauses are up to `check.jitter_percent`
    /// shorter than configured, never longer, so that the promised time of detection holds. After a `delay`
    /// the first pause ends at random: checks that began together spread over the whole interval. With
    /// `check.watch` and a tcp check, the connection of each check is held until the next (watch.hpp) while
    /// the backend is up: when it ends, confirming probes start within the same millisecond. Throws what
    /// `on_result` throws. Call once; the Checker must live until run() has ended.
    Task<void> run(Duration delay = Duration::zero());

    /// A connect of the workload to this backend has just failed: confirming probes start at once, as when
    /// the watch connection is lost. Not while the backend is not up, nor more often than `fast_interval`.
    void suspect();

    /// Takes effect at once. When it becomes urgent, a backend that is not up is probed at once and then as
    /// often as UrgentPace allows; of a crowd the first ones, the others within one of its pauses [E80].
    void set_mode(CheckMode mode);

private:
    bool may_watch() const;
    void on_watch_end(WatchEnd end, TimePoint opened);
    Task<void> pause_after(ProbeOutcome outcome, TimePoint began);
    TimePoint due_after(ProbeOutcome outcome, TimePoint began);
    Duration urgent_pause(ProbeOutcome outcome) const;
    void hurry();
    void report(ProbeResult result);

    HealthCheck check_;
    Endpoint endpoint_;
    OnResult on_result_;
    HealthTracker tracker_;
    std::unique_ptr<class ConnectionWatch> watch_;
    std::unique_ptr<Probe> probe_;
    std::unique_ptr<WakeUp> probe_now_;  ///< ends a pause between probes early
    std::shared_ptr<UrgentPace> pace_;
    CheckMode mode_;
    std::optional<Duration> hurry_;    ///< the pause is over after this long
    bool watch_lost_ = false;          ///< not yet passed to the tracker
    std::optional<TimePoint> forgot_;  ///< not yet reported
    TimePoint suspect_again_at_{};
    bool spread_next_ = false;  ///< the next pause is of random length
};

}  // namespace reseat::lb
