// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace reseat::lb {

/// How the workload's own connects to one backend end. Of UDP nothing is known: all zero.
struct ConnectOutcomes {
    std::uint64_t failures = 0;      ///< connects that were refused, timed out or found no way, ever
    std::uint64_t resets = 0;        ///< connections that broke before the first byte of an answer, ever
    unsigned failures_in_a_row = 0;  ///< no connect succeeded between them
    unsigned resets_in_a_row = 0;    ///< no connection with an answer ended between them
    std::uint64_t unanswered =
        0;  ///< connections closed by the backend after a request, without a byte, ever
    unsigned unanswered_in_a_row = 0;  ///< as resets_in_a_row
    bool answered = false;             ///< a connection to it has got an answer
    int error = 0;                     ///< errno of the latest failure or reset; 0: unknown
};

/// Why this backend is an outlier: "5 connects in a row refused"; nothing: it is none.
/// `answers`: requests to this service get answers. Elsewhere (logs, metrics that are only sent) a connection
/// that the backend closes without a byte is nothing unusual.
std::optional<std::string> outlier_reason(const OutlierDetection& settings, const ConnectOutcomes& outcomes,
                                          bool answers);

/// Whether one more of `backends` may be ejected beside `ejected` others: the first always, then as long as
/// no more than max_ejection_percent are.
bool may_eject(const OutlierDetection& settings, std::size_t backends, std::size_t ejected);

/// The ejections of one backend, as Envoy counts them: each lasts base_ejection_time times a multiplier that
/// grows with it, at most max_ejection_time, and each look (one per `interval`) that finds the backend in use
/// takes one off the multiplier. An ejection ends at a look. Pure: step it by hand.
class OutlierDetector {
public:
    /// Returns how long it is to last.
    Duration eject(const OutlierDetection& settings, TimePoint now);
    /// To be called each `interval` while is_pending(). True: the ejection ends now.
    bool look(const OutlierDetection& settings, TimePoint now);
    /// Ends it early.
    void readmit() { ejected_at_.reset(); }

    bool ejected() const { return ejected_at_.has_value(); }
    /// Something to check is left: an ejection, or a multiplier that has not come down yet.
    bool is_pending() const { return ejected() || multiplier_ > 0; }
    unsigned multiplier() const { return multiplier_; }
    /// When the ejection has lasted long enough; nothing: it is not ejected.
    std::optional<TimePoint> until(const OutlierDetection& settings) const;

private:
    std::optional<TimePoint> ejected_at_;
    unsigned multiplier_ = 0;
};

}  // namespace reseat::lb
