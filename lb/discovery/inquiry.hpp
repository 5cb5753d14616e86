// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/lookup.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reseat::lb {

/// A name server has this long for a question before the next one is asked too.
inline constexpr Duration kHeadStart = std::chrono::milliseconds(250);

/// One question to one name server.
struct Ask {
    std::size_t server = 0;
    std::size_t name = 0;  ///< position in the full names
    Query query = Query::a;

    bool operator==(const Ask&) const = default;
};

/// The way to the answers of one Question: which server is asked for which name, and when. Pure.
///
/// - The questions of a name are asked at the same time, and each answer is handed out as it comes.
/// - The full names are tried in turn. The first that has any record is the one that is meant, for all
///   questions; a name that does not exist is done with at the first answer that says so.
/// - A server that says nothing for kHeadStart, or fails, is followed by the next one; the first that says
///   anything about the name decides.
class Inquiry {
public:
    /// `names` is not empty.
    Inquiry(Question question, std::vector<std::string> names);

    const std::string& name(const Ask& ask) const { return names_[ask.name]; }
    const Lookup& lookup() const { return question_.lookup; }

    /// What is to be asked now of the servers, which are tried in this `order`.
    std::vector<Ask> take_asks(TimePoint now, const std::vector<std::size_t>& order);
    /// take_asks() has more then; nothing: not before a reply.
    std::optional<TimePoint> next() const;

    /// `found` has failed where the server does not answer in time. Returns the servers that this one
    /// overtook.
    std::vector<std::size_t> on_reply(const Ask& ask, Found found);

    /// The answers that are there and were not taken yet.
    std::vector<std::pair<Query, Found>> take_answers();
    /// Each answer was taken.
    bool over() const { return handed_out_ == question_.queries.size(); }

private:
    struct Race {
        Query query = Query::a;
        std::vector<std::size_t> order;  ///< of the servers; the first `asked` were asked
        std::size_t asked = 0;
        std::vector<std::size_t> running;  ///< those that have not answered
        std::vector<Found> failures;
        TimePoint next_server_at{};
        std::optional<Found> found;
        bool handed_out = false;
    };

    void begin();
    void settle();
    void hand_out(Race& race, Found found);
    bool is_last() const;
    void note(const Race& race);
    Found conclusion(const Race& race) const;

    Question question_;
    std::vector<std::string> names_;
    std::size_t name_ = 0;
    std::vector<Race> races_;                          ///< for names_[name_], as question_.queries
    std::vector<std::pair<Query, Found>> shortfalls_;  ///< what came of the names before that is no NXDOMAIN
    std::vector<std::pair<Query, Found>> answers_;
    std::size_t handed_out_ = 0;
};

}  // namespace reseat::lb
