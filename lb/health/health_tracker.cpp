// SPDX-License-Identifier: Apache-2.0
#include "lb/health/health_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr Duration kConfirmingDelay = std::chrono::milliseconds(1);
/// A process that dies closes its connections before its listener, the more of them the longer before: one
/// pass proves nothing. 1, 1, 2, 4 ... 64 ms apart.
constexpr unsigned kConfirmingPasses = 8;

/// How long a bad answer took is part of what came; that a timeout took its time is no news.
std::string explain(const ProbeResult& evidence) {
    if (evidence.outcome != ProbeOutcome::answered_badly || evidence.latency <= Duration::zero())
        return evidence.detail;
    const std::chrono::duration<double, std::milli> took = evidence.latency;
    return fmt::format("{}, in {:.1f} ms", evidence.detail, took.count());
}

HealthEvent verdict(bool healthy, const ProbeResult& evidence, unsigned threshold) {
    return {healthy, evidence.outcome, fmt::format("{} ({}/{})", explain(evidence), threshold, threshold)};
}

}  // namespace

HealthTracker::HealthTracker(const HealthCheck& check, KnownHealth known)
    : interval_(check.interval),
      fast_interval_(check.fast_interval),
      unhealthy_interval_(check.unhealthy_interval),
      unhealthy_threshold_(check.unhealthy_threshold),
      healthy_threshold_(check.healthy_threshold),
      health_(known.health),
      evidence_(known.evidence) {}

std::optional<HealthEvent> HealthTracker::on_result(const ProbeResult& result) {
    switch (result.outcome) {
        case ProbeOutcome::not_probed:
            return std::nullopt;
        case ProbeOutcome::passed:
            return on_pass(result);
        case ProbeOutcome::no_answer:
        case ProbeOutcome::refused:
        case ProbeOutcome::answered_badly:
        case ProbeOutcome::unresponsive:
            return on_failure(result);
    }
    return std::nullopt;
}

bool HealthTracker::one_pass_suffices() const {
    return health_ != Health::down || urgent_ || passes_ + 1 >= healthy_threshold_;
}

std::optional<HealthEvent> HealthTracker::on_pass(const ProbeResult& result) {
    const bool suffices = one_pass_suffices();
    ++passes_;
    failures_ = 0;
    kind_count_ = 0;
    answered_ = {};
    if (confirming_passes_ > 0) --confirming_passes_;
    if (health_ == Health::up || !suffices) return std::nullopt;
    const HealthEvent event = recovery(result);
    health_ = Health::up;
    evidence_ = result.outcome;
    return event;
}

HealthEvent HealthTracker::recovery(const ProbeResult& result) const {
    if (health_ == Health::unchecked) return {true, result.outcome, result.detail};
    if (passes_ >= healthy_threshold_) return verdict(true, result, healthy_threshold_);
    return {true, result.outcome,
            fmt::format("{} ({}/{}, enough while no backend is eligible)", explain(result), passes_,
                        healthy_threshold_)};
}

std::optional<HealthEvent> HealthTracker::on_failure(const ProbeResult& result) {
    ++failures_;
    passes_ = 0;
    kind_count_ = result.outcome == kind_ ? kind_count_ + 1 : 1;
    kind_ = result.outcome;
    if (result.outcome != ProbeOutcome::no_answer) answered_ = result;

    const Health before = health_;
    if (before == Health::up && failures_ < enough_failures()) return std::nullopt;
    if (before == Health::down && (kind_ == evidence_ || kind_count_ < enough_failures()))
        return std::nullopt;

    const bool answered_meanwhile = before == Health::up && answered_.outcome != ProbeOutcome::passed;
    const ProbeResult& shown = answered_meanwhile ? answered_ : result;
    health_ = Health::down;
    confirming_passes_ = 0;
    evidence_ = shown.outcome;
    if (before == Health::unchecked) return HealthEvent{false, shown.outcome, explain(shown)};
    return verdict(false, shown, enough_failures());
}

bool HealthTracker::change_pending() const {
    if (health_ == Health::down) return passes_ > 0 || (failures_ > 0 && kind_ != evidence_);
    return health_ == Health::unchecked || failures_ > 0;
}

Duration HealthTracker::next_delay() const {
    const unsigned passed = kConfirmingPasses - confirming_passes_;
    if (confirming())
        return failures_ > 0 || passed == 0 ? kConfirmingDelay : kConfirmingDelay * (1 << (passed - 1));
    if (change_pending()) return fast_interval_;
    if (health_ == Health::down) return unhealthy_interval_;
    return doubted_ ? std::min(interval_, fast_interval_) : interval_;
}

void HealthTracker::on_watch_lost() {
    confirming_passes_ = health_ == Health::up ? kConfirmingPasses : 0;
}

}  // namespace reseat::lb
