// SPDX-License-Identifier: Apache-2.0
#include "lb/control/announcer.hpp"

#include "lb/control/wording.hpp"

#include <utility>

namespace reseat::lb {

void Announcer::await_report(LifeId life, Event about, std::optional<Event> transition, TimePoint now) {
    pending_[life] = {std::move(about), std::move(transition), now};
}

void Announcer::on_report(LifeId life, const TerminationReport& report) {
    const auto found = pending_.find(life);
    if (found == pending_.end()) return;
    Pending& pending = found->second;
    const bool news = report.terminated || report.repointed || report.failed != pending.failed;
    pending.failed = report.failed;
    if (auto event = std::exchange(pending.transition, std::nullopt)) {
        event->message += "; " + describe(report);
        event->report = report;
        tell_(*event);
    } else if (news) {
        Event event = pending.about;
        event.level = report.failed ? Event::Level::warn : Event::Level::info;
        event.message += ": " + describe(report);
        event.report = report;
        tell_(event);
    }
}

void Announcer::hurry(TimePoint now) {
    for (auto& [life, pending] : pending_) {
        if (!pending.transition || now - pending.since < kPatience) continue;
        pending.transition->message += "; its sockets are still being ended";
        tell_(*std::exchange(pending.transition, std::nullopt));
    }
}

void Announcer::forget(LifeId life) {
    pending_.erase(life);
}

}  // namespace reseat::lb
