// SPDX-License-Identifier: Apache-2.0
#include "lb/health/checker.hpp"

#include "lb/health/probe_socket.hpp"
#include "lb/health/race.hpp"
#include "lb/health/wake_up.hpp"
#include "lb/health/watch.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <utility>

namespace reseat::lb {
namespace {

using std::chrono::steady_clock;

constexpr Duration kWidestTick = std::chrono::milliseconds(250);

std::minstd_rand& random_source() {
    static std::minstd_rand source{std::random_device{}()};
    return source;
}

Duration random_up_to(Duration limit) {
    return Duration(std::uniform_int_distribution<Duration::rep>(0, limit.count())(random_source()));
}

}  // namespace

TimePoint due_with_jitter(TimePoint now, Duration pause, unsigned percent) {
    static const Duration phase = random_up_to(kWidestTick);  // not in step with our neighbours on this host
    const Duration leeway = pause * percent / 100;
    const Duration tick = std::min(kWidestTick, leeway / 2);
    const TimePoint due = now + pause - random_up_to(leeway - tick);
    if (tick == Duration::zero()) return due;
    return due - (due.time_since_epoch() + phase) % tick;
}

bool our_loop_stalled(Duration elapsed, Duration timeout) {
    return elapsed - timeout > std::max<Duration>(std::chrono::milliseconds(100), timeout / 2);
}

Checker::Checker(const HealthCheck& check, const ProbeTarget& target, const ProbeMeans& means,
                 OnResult on_result, KnownHealth known)
    : check_(check),
      endpoint_(target.endpoint),
      prepare_(means.prepare),
      on_result_(std::move(on_result)),
      tracker_(check, known),
      probe_(make_probe(check, target, means)) {}

Checker::~Checker() = default;

Task<void> Checker::run(Duration delay) {
    if (delay > Duration::zero()) co_await sleep_for(delay);
    spread_next_ = delay > Duration::zero();
    const auto executor = co_await asio::this_coro::executor;
    probe_now_ = std::make_unique<WakeUp>(executor);
    new_result_ = std::make_unique<WakeUp>(executor);
    if (check_.type == CheckType::tcp && check_.watch == Watch::automatic)
        co_await both(probe_for_ever(), watch());
    else
        co_await probe_for_ever();
}

Task<void> Checker::probe_for_ever() {
    while (true) {
        // Only now: a probe that was under way when the watch was lost may have been answered before.
        const bool lost = std::exchange(watch_lost_, false);
        if (lost) tracker_.on_watch_lost();
        ProbeResult result = co_await probe_->once(check_.timeout);
        const bool cut_off = result.timed_out && result.outcome != ProbeOutcome::passed;
        const bool stalled = cut_off && our_loop_stalled(result.latency, check_.timeout);
        if (stalled) {
            result.outcome = ProbeOutcome::not_probed;
            result.detail = fmt::format("reseat itself was stalled: {}", result.detail);
        }
        const auto outcome = result.outcome;
        report(std::move(result), lost);
        if (!stalled) co_await probe_now_->wait_until(due_after(outcome));
    }
}

void Checker::suspect() {
    const auto now = steady_clock::now();
    if (!probe_now_ || tracker_.health() != Health::up || tracker_.confirming() || now < suspect_again_at_)
        return;
    suspect_again_at_ = now + check_.fast_interval;
    watch_lost_ = true;
    probe_now_->notify();
}

/// The watch is told only of what it waits for: another verdict, or the next word on a loss.
void Checker::report(ProbeResult result, bool watch_was_lost) {
    const bool confirming = tracker_.confirming();
    const auto event = tracker_.on_result(result);
    if (event || confirming || watch_was_lost) new_result_->notify();
    on_result_({std::move(result), std::chrono::system_clock::now(), tracker_.passes(), tracker_.failures()},
               event);
}

TimePoint Checker::due_after(ProbeOutcome outcome) {
    const auto now = steady_clock::now();
    auto pause = tracker_.next_delay();
    // What we lack will hardly be there a millisecond later.
    if (outcome == ProbeOutcome::not_probed) pause = std::max(pause, check_.fast_interval);
    if (std::exchange(spread_next_, false)) pause = random_up_to(pause);
    return tracker_.confirming() ? now + pause : due_with_jitter(now, pause, check_.jitter_percent);
}

Task<void> Checker::become_down() {
    while (tracker_.health() == Health::up) co_await new_result_->wait();
}

Task<bool> Checker::stays_up_for(Duration pause) {
    const auto end = steady_clock::now() + pause;
    while (tracker_.health() == Health::up) {
        const auto left = end - steady_clock::now();
        if (left <= Duration::zero()) co_return true;
        co_await new_result_->wait_for(left);
    }
    co_return false;
}

Task<void> Checker::confirm_loss() {
    watch_lost_ = true;
    probe_now_->notify();
    while (watch_lost_ || tracker_.confirming()) co_await new_result_->wait();
}

Task<void> Checker::watch() {
    WatchBackoff backoff;
    while (true) {
        while (tracker_.health() != Health::up) co_await new_result_->wait();
        const auto start = steady_clock::now();
        const auto end =
            co_await unless(become_down(), hold_idle_connection(endpoint_, prepare_, check_.timeout));
        const Duration lived = steady_clock::now() - start;
        if (end == WatchEnd::lost) co_await confirm_loss();
        if (!end || tracker_.health() != Health::up) {
            backoff.on_death();
            continue;
        }
        const auto pause = backoff.on_end(*end, lived);
        if (!pause) {
            spdlog::info("{} does not keep idle connections: its death will be noticed by probes only",
                         to_string(endpoint_));
            co_return;
        }
        const bool still_up = co_await stays_up_for(*pause);
        if (!still_up) backoff.on_death();
    }
}

}  // namespace reseat::lb
