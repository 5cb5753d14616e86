// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/assignment.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace reseat::lb {

/// An endpoint that vanishes unannounced stays for so long: one that moves from one part of a source to
/// another is for a moment in none.
inline constexpr Duration kAbsence = std::chrono::seconds(1);
/// A removal is announced when the endpoint was leaving or unready within this time.
inline constexpr Duration kAnnounced = std::chrono::seconds(30);

struct ServedEndpoint {
    SourcedEndpoint is;
    bool held = false;

    bool operator==(const ServedEndpoint&) const = default;
};

struct GuardNews {
    bool guarded = false;   ///< or: it is over
    std::size_t count = 0;  ///< endpoints that are held from now on, or were
    std::size_t of = 0;     ///< guarded: how many were ready before
    std::string why;        ///< it is over
};

/// Doubts the removal of many endpoints of one reference. No I/O, no clock: step it by hand.
///
/// A source is believed about additions and about what leaves or is unready at once. A removal is announced
/// when the endpoint was leaving or unready, or fails its check; it is carried out at once. One that is not
/// waits for kAbsence. When more than `percent` percent of the ready endpoints are gone unannounced, and
/// fewer than the rest are ready now, they are held: they serve as before until they fail a check, enough
/// others are ready, `hold` is over or the operator lets them go.
class Guard {
public:
    struct Step {
        std::vector<ServedEndpoint> endpoints;  ///< that serve, sorted
        std::optional<TimePoint> next;          ///< step again then, though nothing happened
        std::vector<GuardNews> news;
    };

    /// What served before this process: the first answer is compared with it.
    void inherit(const std::vector<SourcedEndpoint>& endpoints);
    /// `failing`: endpoints whose check has failed.
    Step step(const Assignment& said, const GuardSettings& settings, TimePoint now,
              const std::set<Endpoint>& failing);
    /// What is held goes at the next step. Returns how many there are.
    std::size_t accept();
    std::size_t held() const;

private:
    struct Member {
        SourcedEndpoint is;
        std::optional<TimePoint> absent_since, announced_at;
        bool held = false;
    };

    std::size_t take_what_is_said(const Assignment& said, TimePoint now);
    void forget_announced(TimePoint now, const std::set<Endpoint>& failing, Step& step);
    void judge(const GuardSettings& settings, TimePoint now, std::size_t ready, std::size_t stayed,
               Step& step);
    void let_go(std::string why, Step& step);

    std::map<Endpoint, Member> members_;
    std::optional<TimePoint> held_since_;
    std::size_t held_of_ = 0;  ///< ready ones before
    bool accepted_ = false;
};

}  // namespace reseat::lb
