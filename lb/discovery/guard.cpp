// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/guard.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace reseat::lb {

void Guard::inherit(const std::vector<SourcedEndpoint>& endpoints) {
    for (const SourcedEndpoint& one : endpoints) members_.try_emplace(one.endpoint, Member{.is = one});
}

std::size_t Guard::accept() {
    accepted_ = held() > 0;
    return held();
}

std::size_t Guard::held() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(members_, [](const auto& entry) { return entry.second.held; }));
}

/// Returns how many of those that were ready are so still.
std::size_t Guard::take_what_is_said(const Assignment& said, TimePoint now) {
    std::size_t stayed = 0;
    for (auto& [endpoint, member] : members_)
        if (!member.absent_since) member.absent_since = now;
    for (const SourcedEndpoint& one : said.endpoints) {
        const auto [found, is_new] = members_.try_emplace(one.endpoint);
        Member& member = found->second;
        stayed += !is_new && member.is.standing == Standing::ready && one.standing == Standing::ready;
        member.is = one;
        member.absent_since.reset();
        member.held = false;
        if (one.standing != Standing::ready) member.announced_at = now;
    }
    return stayed;
}

void Guard::forget_announced(TimePoint now, const std::set<Endpoint>& failing, Step& step) {
    std::size_t failed = 0;
    std::erase_if(members_, [&](const auto& entry) {
        const Member& member = entry.second;
        if (!member.absent_since) return false;
        const bool fails = failing.contains(entry.first);
        if (member.held) {
            failed += fails;
            return fails;
        }
        const bool announced = member.announced_at && now - *member.announced_at <= kAnnounced;
        return fails || announced || member.is.standing != Standing::ready;
    });
    if (failed == 0 || held() > 0) return;
    step.news.push_back({.count = failed, .why = "they fail their checks"});
    held_since_.reset();
}

void Guard::let_go(std::string why, Step& step) {
    const std::size_t count = held();
    std::erase_if(members_, [](const auto& entry) { return entry.second.held; });
    held_since_.reset();
    if (count > 0) step.news.push_back({.count = count, .why = std::move(why)});
}

void Guard::judge(const GuardSettings& settings, TimePoint now, std::size_t ready, std::size_t stayed,
                  Step& step) {
    const auto rest = [&](std::size_t of) { return of * (100 - settings.percent); };
    if (held_since_) {
        if (accepted_)
            let_go("the operator accepted it", step);
        else if (held() == 0)
            let_go("", step);
        else if (100 * ready >= rest(held_of_))
            let_go("enough others are ready", step);
        else if (now - *held_since_ >= settings.hold)
            let_go(human(settings.hold) + " are over", step);
    }
    accepted_ = false;
    const auto gone = static_cast<std::size_t>(std::ranges::count_if(
        members_, [](const auto& entry) { return entry.second.absent_since.has_value(); }));
    const std::size_t before = stayed + gone;
    if (gone * 100 > settings.percent * before && 100 * ready < rest(before) &&
        settings.hold > Duration::zero()) {
        const std::size_t held_before = held();
        for (auto& [endpoint, member] : members_) member.held |= member.absent_since.has_value();
        if (!held_since_) {
            held_since_ = now;
            held_of_ = before;
        }
        if (held() > held_before) step.news.push_back({.guarded = true, .count = gone, .of = before});
    }
    if (held_since_) step.next = *held_since_ + settings.hold;
}

Guard::Step Guard::step(const Assignment& said, const GuardSettings& settings, TimePoint now,
                        const std::set<Endpoint>& failing) {
    Step step;
    if (said.known != Assignment::Known::never) {
        const auto ready = static_cast<std::size_t>(
            std::ranges::count(said.endpoints, Standing::ready, &SourcedEndpoint::standing));
        const std::size_t stayed = take_what_is_said(said, now);
        forget_announced(now, failing, step);
        judge(settings, now, ready, stayed, step);
        std::erase_if(members_, [&](const auto& entry) {
            const Member& member = entry.second;
            return member.absent_since && !member.held && now - *member.absent_since >= kAbsence;
        });
    }
    for (const auto& [endpoint, member] : members_) {
        step.endpoints.push_back({member.is, member.held});
        if (!member.absent_since || member.held) continue;
        const TimePoint over = *member.absent_since + kAbsence;
        step.next = std::min(step.next.value_or(over), over);
    }
    return step;
}

}  // namespace reseat::lb
