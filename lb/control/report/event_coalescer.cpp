// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/event_coalescer.hpp"

#include "lb/control/report/wording.hpp"

#include <utility>

namespace reseat::lb {

void EventCoalescer::await_report(LifeId life, Event about, std::optional<Event> transition, TimePoint now) {
    forget(life);
    if (transition) ++kept_back_[key_of(about)].transitions;
    pending_[life] = {std::move(about), std::move(transition), now};
}

void EventCoalescer::on_report(LifeId life, const TerminationReport& report) {
    const auto found = pending_.find(life);
    if (found == pending_.end()) return;
    Pending& pending = found->second;
    const bool news = report.terminated || report.repointed || report.failed != pending.failed;
    pending.failed = report.failed;
    if (pending.transition) {
        pending.transition->report = report;
        tell_transition(pending, describe(report));
    } else if (news) {
        Event event = pending.about;
        event.level = report.failed ? Event::Level::warn : Event::Level::info;
        event.message += ": " + describe(report);
        event.report = report;
        tell_(event);
    }
}

void EventCoalescer::hurry(TimePoint now) {
    for (auto& [life, pending] : pending_)
        if (pending.transition && now - pending.since >= kPatience)
            tell_transition(pending, "its sockets are still being terminated");
}

void EventCoalescer::forget(LifeId life) {
    const auto found = pending_.find(life);
    if (found == pending_.end()) return;
    if (found->second.transition) release(found->second.about);
    pending_.erase(found);
}

void EventCoalescer::tell_consequence(Event event) {
    const auto found = kept_back_.find(key_of(event));
    if (found == kept_back_.end())
        tell_(event);
    else
        found->second.consequences.push_back(std::move(event));
}

void EventCoalescer::hurry(const Service& service) {
    const auto found = kept_back_.find({service.name, service.protocol});
    if (found == kept_back_.end()) return;
    for (const Event& event : std::exchange(found->second.consequences, {})) tell_(event);
}

EventCoalescer::Key EventCoalescer::key_of(const Event& event) {
    return {event.service, event.protocol};
}

void EventCoalescer::tell_transition(Pending& pending, const std::string& outcome) {
    Event event = *std::exchange(pending.transition, std::nullopt);
    event.message += "; " + outcome;
    tell_(event);
    release(pending.about);
}

void EventCoalescer::release(const Event& about) {
    const auto found = kept_back_.find(key_of(about));
    if (found == kept_back_.end() || --found->second.transitions > 0) return;
    const std::vector<Event> consequences = std::move(found->second.consequences);
    kept_back_.erase(found);
    for (const Event& event : consequences) tell_(event);
}

}  // namespace reseat::lb
