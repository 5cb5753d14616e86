// SPDX-License-Identifier: Apache-2.0
#include "lb/select/eligibility.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace reseat::lb {
namespace {

bool is_wanted(const Candidate& candidate) {
    return candidate.operator_state == OperatorState::ready && candidate.weight > 0 && !candidate.barred;
}

template <class Predicate>
std::vector<std::size_t> first_level(std::span<const Candidate> candidates, Family family,
                                     Predicate belongs) {
    std::vector<std::size_t> members;
    unsigned lowest = std::numeric_limits<unsigned>::max();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const Candidate& candidate = candidates[i];
        if (candidate.family != family || !belongs(candidate)) continue;
        if (candidate.priority < lowest) members.clear();
        lowest = std::min(lowest, candidate.priority);
        if (candidate.priority == lowest) members.push_back(i);
    }
    return members;
}

template <class Predicate>
std::vector<std::size_t> lowest_priority(std::span<const Candidate> candidates, Family family,
                                         Predicate belongs) {
    return first_level(candidates, family,
                       [&](const Candidate& one) { return may_be_used(one) && belongs(one); });
}

bool must_panic(std::span<const Candidate> candidates, Family family, unsigned threshold) {
    struct Level {
        unsigned eligible = 0, checked = 0;
    };
    std::map<unsigned, Level> levels;
    for (const Candidate& candidate : candidates) {
        if (candidate.family != family || !may_be_used(candidate)) continue;
        if (candidate.health == Health::unchecked) continue;
        Level& level = levels[candidate.priority];
        ++level.checked;
        level.eligible += is_eligible(candidate);
    }
    return std::ranges::all_of(levels, [&](const auto& level) {
        return 100 * level.second.eligible < threshold * level.second.checked;
    });
}

}  // namespace

bool may_be_used(const Candidate& candidate) {
    return candidate.standing == Standing::ready && is_wanted(candidate);
}

bool is_reserve(const Candidate& candidate) {
    return candidate.standing == Standing::leaving && candidate.health == Health::up && !candidate.ejected &&
           is_wanted(candidate);
}

bool is_eligible(const Candidate& candidate) {
    return candidate.health == Health::up && !candidate.ejected && may_be_used(candidate);
}

Choice choose(std::span<const Candidate> candidates, Family family, OnNoHealthy on_no_healthy,
              unsigned panic_threshold) {
    auto members = lowest_priority(candidates, family, is_eligible);
    if (!members.empty()) {
        if (!must_panic(candidates, family, panic_threshold))
            return {ChosenFrom::eligible, std::move(members)};
        const unsigned carries = candidates[members.front()].priority;
        return {ChosenFrom::panic, lowest_priority(candidates, family, [&](const Candidate& candidate) {
                    return candidate.priority == carries;
                })};
    }
    members = first_level(candidates, family, is_reserve);
    if (!members.empty()) return {ChosenFrom::leaving, std::move(members)};
    members = lowest_priority(candidates, family,
                              [](const Candidate& c) { return c.health == Health::unchecked && !c.ejected; });
    if (!members.empty()) return {ChosenFrom::unchecked, std::move(members)};
    if (on_no_healthy == OnNoHealthy::reject) return {};
    members = lowest_priority(candidates, family, [](const Candidate& c) { return c.last_healthy; });
    if (members.empty()) members = lowest_priority(candidates, family, [](const Candidate&) { return true; });
    if (members.empty()) return {};
    return {ChosenFrom::fail_open, std::move(members)};
}

}  // namespace reseat::lb
