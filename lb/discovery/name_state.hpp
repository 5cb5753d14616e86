// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/lookup.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace reseat::lb {

inline constexpr Duration kMinTtl = std::chrono::seconds(1);  ///< for a TTL of 0, too
inline constexpr Duration kMaxTtl = std::chrono::minutes(5);
inline constexpr Duration kMaxRetry = std::chrono::seconds(30);

/// What is known of one name, and when it is asked for again. No I/O, no clock: step it by hand.
///
/// Records are replaced by what DNS says as long as that leaves the name with any record. The last good ones
/// stay when a question fails (of its family), and when DNS says that there is nothing at all: an empty
/// answer is the likelier mistake, and health checks find those that are gone.
///
/// Each question goes its own way: the records of one family are used, and asked for again when their TTL is
/// over, while the question for the other one is still on its way.
class NameState {
public:
    NameState(const Lookup& lookup, TimePoint now);

    /// The questions that are not on their way, and now are.
    std::vector<Query> ask();
    /// Any question is on its way.
    bool in_flight() const;
    /// Nothing of use has come of the last questions: the name is not asked for again before it does.
    bool waits() const { return in_flight() && !fruitful_; }
    /// Asks at once; while it waits, when its answer is there.
    void hurry(TimePoint now);

    /// True when its records have changed, or whether there is an error(). Asked again when the lowest TTL is
    /// over, clamped to [kMinTtl, kMaxTtl]; after an error sooner: after 1 s, 2 s, 4 s ... kMaxRetry, of
    /// which `random` in [0, 1) takes up to a fifth away. An answer without a question is ignored.
    bool on_answer(Query query, Found found, TimePoint now, std::chrono::system_clock::time_point at,
                   double random);

    const std::vector<Address>& addresses() const { return addresses_; }  ///< sorted, each once
    const std::vector<SrvRecord>& srv() const { return srv_; }            ///< likewise
    bool has_records() const { return !addresses_.empty() || !srv_.empty(); }
    bool has(Family family) const;
    /// Each question was answered or failed; or one brought records, and the others have had
    /// kResolutionDelay since.
    bool answered(TimePoint now) const;
    /// The question for this family was answered or failed; also true where it is never asked.
    bool answered(Family family) const;
    /// It was answered last by a failure.
    bool failed(Family family) const;
    std::chrono::system_clock::time_point good_at() const { return good_at_; }  ///< last answer with records
    /// Why the last answers are not whole; empty: they are.
    const std::string& error() const { return error_; }
    std::size_t left_out() const { return left_out_; }  ///< records beyond the limits
    TimePoint next() const { return next_; }

private:
    struct Part {
        Query query = Query::a;
        bool in_flight = false;
        bool answered = false;
        Found last;                      ///< without its records
        std::vector<Address> addresses;  ///< the last good ones
    };

    const Part* part(Family family) const;
    bool any(Found::Outcome outcome) const;
    void take_records(Part& part, Found found);
    void merge();
    std::string find_error() const;
    void count_failure(Found::Outcome outcome);
    Duration pause(Found::Outcome outcome, double random) const;

    std::vector<Part> parts_;
    std::vector<Address> addresses_;
    std::vector<SrvRecord> srv_;
    std::chrono::system_clock::time_point good_at_{};
    std::optional<TimePoint> first_records_at_;
    std::string error_;
    std::size_t left_out_ = 0;
    unsigned failures_ = 0;  ///< in a row
    TimePoint next_;
    bool heard_ = false;            ///< an answer has come since the last ask()
    bool fruitful_ = false;         ///< one with records
    bool failure_counted_ = false;  ///< likewise
    bool again_ = false;
};

}  // namespace reseat::lb
