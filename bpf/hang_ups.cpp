// SPDX-License-Identifier: Apache-2.0
#include "bpf/hang_ups.hpp"

#include "bpf/failing_lives.hpp"

#include <algorithm>
#include <utility>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr lb::Duration kShortest = 1s;
constexpr lb::Duration kLongest = 64s;

}  // namespace

HangUps::HangUps(lb::asio::any_io_executor executor, const Generations& generations, OnHangUp on_hang_up)
    : generations_(generations), on_hang_up_(std::move(on_hang_up)), heard_(std::move(executor)) {}

void HangUps::on_event(lb::LifeId life) {
    Pause& pause = pauses_[life];
    if (pause.length > lb::Duration::zero() && !pause.over) return;
    pause = {std::clamp<lb::Duration>(2 * pause.length, kShortest, kLongest)};
    due_.emplace(steady_clock::now() + pause.length, life);
    on_hang_up_(life);
    heard_.notify();
}

void HangUps::on_lost_events() {
    for (const lb::LifeId life : generations_.lives().all())
        if (is_told(generations_, life, LB_TOLD_HUNG_UP)) on_event(life);
}

lb::Task<void> HangUps::run() {
    while (true) {
        if (due_.empty())
            co_await heard_.wait();
        else
            co_await heard_.wait_until(due_.begin()->first);
        while (!due_.empty() && due_.begin()->first <= steady_clock::now()) {
            const lb::LifeId life = due_.begin()->second;
            due_.erase(due_.begin());
            end_pause(life);
        }
    }
}

void HangUps::end_pause(lb::LifeId life) {
    const auto found = pauses_.find(life);
    if (found == pauses_.end()) return;
    Pause& pause = found->second;
    if (std::exchange(pause.over, true)) {
        pauses_.erase(found);
        return;
    }
    due_.emplace(steady_clock::now() + 2 * pause.length, life);
    let_tell(generations_, life, LB_TOLD_HUNG_UP);
}

}  // namespace reseat::bpf
