// SPDX-License-Identifier: Apache-2.0
#include "lb/health/checker.hpp"

#include "base/wake_up.hpp"
#include "lb/health/probe/make_probe.hpp"
#include "lb/health/probe/probe_socket.hpp"
#include "lb/health/probe/watch.hpp"

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
                 OnResult on_result, KnownHealth known, std::shared_ptr<UrgentPace> pace)
    : check_(check),
      endpoint_(target.endpoint),
      on_result_(std::move(on_result)),
      tracker_(check, known),
      watch_(std::make_unique<ConnectionWatch>(
          [this](WatchEnd end, TimePoint opened) { on_watch_end(end, opened); })),
      probe_(make_watched_probe(check, target, means, *watch_)),
      pace_(std::move(pace)) {}

Checker::~Checker() {
    if (mode_.urgent) pace_->leave();
}

Task<void> Checker::run(Duration delay) {
    struct Closing {
        ConnectionWatch& watch;
        ~Closing() { watch.close(); }
    };
    if (delay > Duration::zero()) co_await sleep_for(delay);
    spread_next_ = delay > Duration::zero();
    probe_now_ = std::make_unique<WakeUp>(co_await asio::this_coro::executor);
    const Closing closing{*watch_};
    while (true) {
        // Only now: a probe that was under way when the watch was lost may have been answered before.
        if (std::exchange(watch_lost_, false)) tracker_.on_watch_lost();
        watch_->begin_check(may_watch() && !tracker_.confirming() && tracker_.one_pass_suffices());
        ProbeResult result = co_await probe_->once(check_.timeout);
        const bool cut_off = result.timed_out && result.outcome != ProbeOutcome::passed;
        const bool stalled = cut_off && our_loop_stalled(result.latency, check_.timeout);
        if (stalled) {
            result.outcome = ProbeOutcome::not_probed;
            result.detail = fmt::format("reseat itself was stalled: {}", result.detail);
        }
        const auto outcome = result.outcome;
        const TimePoint began = steady_clock::now() - result.latency;  // a wait for its turn came before
        report(std::move(result));
        if (!stalled) co_await pause_after(outcome, began);
    }
}

bool Checker::may_watch() const {
    return check_.type == CheckType::tcp && check_.watch == Watch::auto_ && mode_.watchable;
}

void Checker::report(ProbeResult result) {
    const auto event = tracker_.on_result(result);
    watch_->end_check(result.outcome, tracker_.health() == Health::up && may_watch());
    if (event && !event->healthy) watch_->policy().on_death();
    on_result_({.result = std::move(result),
                .at = std::chrono::system_clock::now(),
                .passes = tracker_.passes(),
                .failures = tracker_.failures(),
                .forgot = std::exchange(forgot_, std::nullopt)},
               event);
}

void Checker::on_watch_end(WatchEnd end, TimePoint opened) {
    if (end == WatchEnd::lost) watch_lost_ = true;
    if (end == WatchEnd::forgotten) forgot_ = opened;
    if (end != WatchEnd::talkative) probe_now_->notify();
    if (watch_->policy().given_up())
        spdlog::info(
            "{} is not watched because it {}: failures are detected by health checks and by the workload's "
            "own connections",
            to_string(endpoint_), end == WatchEnd::talkative ? "speaks first" : "closes idle connections");
}

Task<void> Checker::pause_after(ProbeOutcome outcome, TimePoint began) {
    co_await probe_now_->wait_until(due_after(outcome, began));
    while (const auto soon = std::exchange(hurry_, std::nullopt)) co_await probe_now_->wait_for(*soon);
}

void Checker::suspect() {
    const auto now = steady_clock::now();
    if (!probe_now_ || tracker_.health() != Health::up || tracker_.confirming() || now < suspect_again_at_)
        return;
    suspect_again_at_ = now + check_.fast_interval;
    watch_lost_ = true;
    probe_now_->notify();
}

TimePoint Checker::due_after(ProbeOutcome outcome, TimePoint began) {
    const auto now = steady_clock::now();
    auto pause = tracker_.next_delay();
    // What we lack will hardly be there a millisecond later.
    if (outcome == ProbeOutcome::not_probed) pause = std::max(pause, check_.fast_interval);
    if (std::exchange(spread_next_, false)) pause = random_up_to(pause);
    if (tracker_.confirming()) return now + pause;
    const TimePoint due = due_with_jitter(now, pause, check_.jitter_percent);
    if (!mode_.urgent || tracker_.health() == Health::up) return due;
    // Of a silent backend the wait for its answer has been part of the pause.
    return std::min(due, std::max(now, began + urgent_pause(outcome)));
}

Duration Checker::urgent_pause(ProbeOutcome outcome) const {
    if (outcome == ProbeOutcome::not_probed || check_.type == CheckType::exec) return check_.fast_interval;
    return pace_->pause(outcome == ProbeOutcome::refused ? UrgentPace::kRefused : UrgentPace::kOther,
                        check_.timeout);
}

void Checker::set_mode(CheckMode mode) {
    if (mode == mode_) return;
    const CheckMode before = std::exchange(mode_, mode);
    if (!mode.watchable) watch_->close();
    tracker_.set_doubted(mode.doubted);
    if (mode.doubted && !before.doubted && probe_now_) {
        hurry_ = random_up_to(std::min(check_.interval, check_.fast_interval) / 2);
        probe_now_->notify();
    }
    if (mode.urgent == before.urgent) return;
    tracker_.set_urgent(mode.urgent);
    if (!mode.urgent) return pace_->leave();
    pace_->join();
    if (tracker_.health() == Health::down && probe_now_) hurry();
}

void Checker::hurry() {
    hurry_ = random_up_to(pace_->pause(UrgentPace::kOther, check_.timeout) - UrgentPace::kOther);
    probe_now_->notify();
}

}  // namespace reseat::lb
