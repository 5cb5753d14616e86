// SPDX-License-Identifier: Apache-2.0
#include "bpf/events/hang_ups.hpp"

#include "bpf/events/failing_lives.hpp"

#include <algorithm>
#include <utility>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr Duration kShortest = 1s;
constexpr Duration kLongest = 64s;

}  // namespace

bool HangUpPauses::begin(lb::LifeId life, TimePoint now) {
    Pause& pause = pauses_[life];
    if (pause.length > Duration::zero() && !pause.over) return false;
    pause.length = std::clamp<Duration>(2 * pause.length, kShortest, kLongest);
    pause.over = false;
    wait(life, pause, now + pause.length);
    return true;
}

void HangUpPauses::wait(lb::LifeId life, Pause& pause, TimePoint due) {
    due_.erase({pause.due, life});
    pause.due = due;
    due_.emplace(due, life);
}

std::vector<lb::LifeId> HangUpPauses::end_due(TimePoint now) {
    std::vector<lb::LifeId> may_tell;
    while (!due_.empty() && due_.begin()->first <= now) {
        const auto found = pauses_.find(due_.begin()->second);
        if (std::exchange(found->second.over, true)) {
            due_.erase(due_.begin());
            pauses_.erase(found);
        } else {
            may_tell.push_back(found->first);
            wait(found->first, found->second, now + 2 * found->second.length);
        }
    }
    return may_tell;
}

std::optional<TimePoint> HangUpPauses::next_due() const {
    if (due_.empty()) return std::nullopt;
    return due_.begin()->first;
}

HangUps::HangUps(asio::any_io_executor executor, const MapHandover& handover, OnHangUp on_hang_up)
    : handover_(handover), on_hang_up_(std::move(on_hang_up)), heard_(std::move(executor)) {}

void HangUps::on_event(lb::LifeId life) {
    if (!pauses_.begin(life, steady_clock::now())) return;
    on_hang_up_(life);
    heard_.notify();
}

void HangUps::on_lost_events() {
    for (const lb::LifeId life : handover_.lives().all())
        if (is_told(handover_, life, LB_TOLD_HUNG_UP)) on_event(life);
}

Task<void> HangUps::run() {
    while (true) {
        if (const auto due = pauses_.next_due())
            co_await heard_.wait_until(*due);
        else
            co_await heard_.wait();
        for (const lb::LifeId life : pauses_.end_due(steady_clock::now()))
            let_tell(handover_, life, LB_TOLD_HUNG_UP);
    }
}

}  // namespace reseat::bpf
