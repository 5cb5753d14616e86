// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/drain_watcher.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr Duration kPause = std::chrono::seconds(1);
constexpr Duration kLongestPause = std::chrono::seconds(32);

Duration longer(Duration pause) {
    return std::min<Duration>(2 * pause, kLongestPause);
}

}  // namespace

void DrainWatcher::watch(LifeId life, bool ordered, TimePoint now) {
    const auto [entry, is_new] = watched_.try_emplace(life);
    Watched& watched = entry->second;
    if (is_new) watched = {.next = now + kPause, .pause = kPause, .order_next = now, .order_pause = kPause};
    watched.ordered = ordered;
}

void DrainWatcher::on_report(LifeId life, TimePoint now) {
    const auto found = watched_.find(life);
    if (found == watched_.end()) return;
    found->second.next = std::min(found->second.next, now + kPause);
    found->second.pause = kPause;
}

void DrainWatcher::doubt(LifeId life) {
    if (const auto found = watched_.find(life); found != watched_.end()) found->second.idle = false;
}

DrainWatcher::Found DrainWatcher::look(TimePoint now) {
    Found found;
    for (auto& [life, watched] : watched_) {
        if (watched.next > now) continue;
        const Seen seen = look(life, watched, now);
        if (seen == Seen::vacated) found.vacated.push_back(life);
        if (seen == Seen::hanging) found.hanging.push_back(life);
    }
    std::ranges::sort(found.vacated);
    std::ranges::sort(found.hanging);
    return found;
}

DrainWatcher::Seen DrainWatcher::look(LifeId life, Watched& watched, TimePoint now) {
    const bool was_idle = std::exchange(watched.idle, false);
    const bool was_open = std::exchange(watched.open, false);
    watched.next = now + kPause;
    if (runner_.is_busy(life)) return Seen::other;
    if (plane_.open_sockets(life) > 0) {
        watched.open = true;
        if (!watched.ordered || !was_open || watched.order_next > now) return Seen::other;
        watched.order_pause = longer(watched.order_pause);
        watched.order_next = now + watched.order_pause;
        return Seen::hanging;
    }
    if (!plane_.is_idle(life)) {
        watched.next = now + watched.pause;
        watched.pause = longer(watched.pause);
        return Seen::other;
    }
    watched.idle = true;
    return was_idle ? Seen::vacated : Seen::other;
}

}  // namespace reseat::lb
