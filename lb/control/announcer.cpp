// SPDX-License-Identifier: Apache-2.0
#include "lb/control/announcer.hpp"

#include "lb/control/wording.hpp"

#include <algorithm>
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
        tell_consequences();
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
    tell_consequences();
}

void Announcer::forget(LifeId life) {
    pending_.erase(life);
    tell_consequences();
}

void Announcer::tell_consequence(Event event) {
    if (keeps_back(event))
        consequences_.push_back(std::move(event));
    else
        tell_(event);
}

bool Announcer::keeps_back(const Event& consequence) const {
    return std::ranges::any_of(pending_, [&](const auto& entry) {
        const Pending& pending = entry.second;
        return pending.transition && pending.about.service == consequence.service &&
               pending.about.protocol == consequence.protocol;
    });
}

void Announcer::tell_consequences() {
    for (Event& event : std::exchange(consequences_, {})) tell_consequence(std::move(event));
}

}  // namespace reseat::lb
