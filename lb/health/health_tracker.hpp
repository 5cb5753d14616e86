// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe.hpp"

#include <optional>
#include <string>

namespace reseat::lb {

/// A verdict: the backend's health changed, or it is still down but for another kind of reason.
/// The evidence is `no_answer` only if all results that led to it were: a single lost packet in a graceful
/// shutdown must not pass for a host that vanished. Otherwise it is the latest of the other failures.
struct HealthEvent {
    bool healthy = false;
    ProbeOutcome outcome = ProbeOutcome::passed;  ///< the evidence
    std::string reason;                           ///< "no answer within 1s (3/3)"
};

enum class Health { unchecked, up, down };

/// What earlier checks of a backend found, for the checker that continues.
struct KnownHealth {
    Health health = Health::unchecked;
    ProbeOutcome evidence = ProbeOutcome::passed;  ///< of the last verdict
};

/// Turns probe results into verdicts. No clock, no timer, no socket: step it by hand.
class HealthTracker {
public:
    explicit HealthTracker(const HealthCheck& check, KnownHealth known = {});

    /// What this result changes, if anything. The first result decides at once; after that
    /// `unhealthy_threshold` failures in a row bring it down and `healthy_threshold` passes up, or one where
    /// that is urgent.
    /// While down, `unhealthy_threshold` results in a row of another kind of failure are an event too,
    /// as the fate of open sockets depends on the kind. `not_probed` changes nothing.
    std::optional<HealthEvent> on_result(const ProbeResult& result);

    /// How long to wait before the next probe, without jitter: `interval`, `fast_interval` while a change
    /// of state is pending, `unhealthy_interval` while down, from 1 ms on while confirming.
    Duration next_delay() const;

    /// The watch connection was lost: the next probes follow 1 ms apart until the verdict is reached. While
    /// they pass, twice as long each time, 8 of them: a dying process may close its connections well before
    /// its listener. Means nothing unless the backend is up.
    void on_watch_lost();

    /// Its service has no eligible backend, or has one again: one pass is enough, or as many as configured.
    void set_urgent(bool urgent) { urgent_ = urgent; }
    /// One failure is enough to bring it down, and it is asked each `fast_interval`; or as configured.
    void set_doubted(bool doubted) { doubted_ = doubted; }
    /// Whether the backend is up after one more pass.
    bool one_pass_suffices() const;

    Health health() const { return health_; }
    bool confirming() const { return confirming_passes_ > 0; }
    unsigned passes() const { return passes_; }      ///< in a row
    unsigned failures() const { return failures_; }  ///< in a row

private:
    std::optional<HealthEvent> on_pass(const ProbeResult& result);
    std::optional<HealthEvent> on_failure(const ProbeResult& result);
    bool change_pending() const;
    unsigned enough_failures() const { return doubted_ ? 1 : unhealthy_threshold_; }
    HealthEvent recovery(const ProbeResult& result) const;

    Duration interval_, fast_interval_, unhealthy_interval_;
    unsigned unhealthy_threshold_, healthy_threshold_;
    Health health_ = Health::unchecked;
    bool urgent_ = false;
    bool doubted_ = false;
    unsigned passes_ = 0;
    unsigned failures_ = 0;
    unsigned confirming_passes_ = 0;                ///< passes in a row that would end the suspicion
    ProbeOutcome evidence_ = ProbeOutcome::passed;  ///< of the last verdict
    ProbeOutcome kind_ = ProbeOutcome::passed;      ///< of the latest failure
    unsigned kind_count_ = 0;                       ///< how many of that kind in a row
    ProbeResult answered_;  ///< the latest failure in this row that was not `no_answer`
};

}  // namespace reseat::lb
