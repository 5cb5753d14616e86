// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/inquiry.hpp"

#include <algorithm>
#include <utility>

namespace reseat::lb {
namespace {

using Outcome = Found::Outcome;

/// What all servers said of one question, in the order in which they did.
Found all_failed(const std::vector<Found>& failures) {
    Found sum{.silent = std::ranges::all_of(failures, &Found::silent)};
    for (const Found& failure : failures) sum.reason += (sum.reason.empty() ? "" : "; ") + failure.reason;
    return sum;
}

}  // namespace

Inquiry::Inquiry(Question question, std::vector<std::string> names)
    : question_(std::move(question)), names_(std::move(names)) {
    begin();
}

void Inquiry::begin() {
    races_.clear();
    for (const Query query : question_.queries) {
        races_.emplace_back();
        races_.back().query = query;
    }
}

std::vector<Ask> Inquiry::take_asks(TimePoint now, const std::vector<std::size_t>& order) {
    std::vector<Ask> asks;
    for (Race& race : races_) {
        if (race.order.empty()) race.order = order;
        while (!race.found && race.asked < race.order.size() &&
               (race.running.empty() || now >= race.next_server_at)) {
            const std::size_t server = race.order[race.asked++];
            race.running.push_back(server);
            race.next_server_at = now + kHeadStart;
            asks.push_back({server, name_, race.query});
        }
    }
    return asks;
}

std::optional<TimePoint> Inquiry::next() const {
    std::optional<TimePoint> first;
    for (const Race& race : races_) {
        const bool begun = race.asked > 0;
        if (race.found || (begun && race.asked == race.order.size())) continue;
        const TimePoint at = race.running.empty() ? TimePoint{} : race.next_server_at;
        first = std::min(first.value_or(TimePoint::max()), at);
    }
    return first;
}

std::vector<std::size_t> Inquiry::on_reply(const Ask& ask, Found found) {
    const auto race = std::ranges::find(races_, ask.query, &Race::query);
    if (ask.name != name_ || race == races_.end() || race->found) return {};
    const auto runs = std::ranges::find(race->running, ask.server);
    if (runs == race->running.end()) return {};
    std::vector<std::size_t> overtaken;
    if (found.outcome == Outcome::failed) {
        race->running.erase(runs);
        race->failures.push_back(std::move(found));
        const bool all = race->asked == race->order.size() && race->running.empty();
        if (all) race->found = all_failed(race->failures);
    } else {
        overtaken.assign(race->running.begin(), runs);
        race->found = std::move(found);
    }
    settle();
    return overtaken;
}

bool Inquiry::is_last() const {
    if (name_ + 1 == names_.size()) return true;
    // No server answers: the other names would fail, too.
    if (std::ranges::all_of(races_, [](const Race& race) { return race.found->silent; })) return true;
    // The question for the other family is elsewhere: a name that exists may have records of that one.
    const bool partial = question_.queries.size() < queries_of(question_.lookup).size();
    return partial && races_.front().found->outcome == Outcome::none && !races_.front().found->no_such_name;
}

void Inquiry::settle() {
    const auto gone =
        std::ranges::find_if(races_, [](const Race& race) { return race.found && race.found->no_such_name; });
    if (gone != races_.end())
        for (Race& race : races_)
            if (!race.found) race.found = *gone->found;
    const bool is_it = std::ranges::any_of(
        races_, [](const Race& race) { return race.found && race.found->outcome == Outcome::records; });
    if (is_it) {
        for (Race& race : races_)
            if (race.found) hand_out(race, *race.found);
        return;
    }
    if (!std::ranges::all_of(races_, [](const Race& race) { return race.found.has_value(); })) return;
    if (is_last()) {
        for (Race& race : races_) hand_out(race, conclusion(race));
        return;
    }
    for (const Race& race : races_) note(race);
    ++name_;
    begin();
}

void Inquiry::note(const Race& race) {
    if (!race.found->no_such_name) shortfalls_.emplace_back(race.query, *race.found);
}

/// No name has records. A failure anywhere says that there may be some; else a name that exists says more
/// than one that does not.
Found Inquiry::conclusion(const Race& race) const {
    std::vector<const Found*> all;
    for (const auto& [query, found] : shortfalls_)
        if (query == race.query) all.push_back(&found);
    all.push_back(&*race.found);
    const auto failed =
        std::ranges::find_if(all, [](const Found* one) { return one->outcome == Outcome::failed; });
    if (failed != all.end()) return **failed;
    const auto exists = std::ranges::find_if(all, [](const Found* one) { return !one->no_such_name; });
    return exists != all.end() ? **exists : *race.found;
}

void Inquiry::hand_out(Race& race, Found found) {
    if (std::exchange(race.handed_out, true)) return;
    answers_.emplace_back(race.query, std::move(found));
}

std::vector<std::pair<Query, Found>> Inquiry::take_answers() {
    handed_out_ += answers_.size();
    return std::exchange(answers_, {});
}

}  // namespace reseat::lb
