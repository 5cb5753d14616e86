// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/lookup.hpp"

#include <chrono>
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
/// answer is the likelier mistake, and health checks find out who is gone.
class NameState {
public:
    explicit NameState(TimePoint now) : next_(now) {}

    /// The question is on its way.
    void asked() { in_flight_ = true; }
    bool in_flight() const { return in_flight_; }
    /// Asks at once; while a question is on its way, when its answer is there.
    void hurry(TimePoint now);

    /// True when its records or error() have changed. Asked again when the lowest TTL is over, clamped to
    /// [kMinTtl, kMaxTtl]; after an error sooner: after 1 s, 2 s, 4 s ... kMaxRetry, of which `random` in
    /// [0, 1) takes up to a fifth away.
    bool on_answer(Answer answer, TimePoint now, std::chrono::system_clock::time_point at, double random);

    const std::vector<Address>& addresses() const { return addresses_; }  ///< sorted, each once
    const std::vector<SrvRecord>& srv() const { return srv_; }            ///< likewise
    bool answered() const { return answered_; }                           ///< well or not
    bool has_records() const { return !addresses_.empty() || !srv_.empty(); }
    std::chrono::system_clock::time_point good_at() const { return good_at_; }  ///< last answer with records
    /// Why the last answer is not whole; empty: it is.
    const std::string& error() const { return error_; }
    std::size_t left_out() const { return left_out_; }  ///< records beyond the limits
    TimePoint next() const { return next_; }

private:
    void take_records(Answer& answer);
    Duration pause(const Answer& answer, double random);

    std::vector<Address> addresses_;
    std::vector<SrvRecord> srv_;
    std::chrono::system_clock::time_point good_at_{};
    std::string error_;
    std::size_t left_out_ = 0;
    unsigned failures_ = 0;  ///< in a row
    TimePoint next_;
    bool in_flight_ = false;
    bool again_ = false;
    bool answered_ = false;
};

}  // namespace reseat::lb
