// SPDX-License-Identifier: Apache-2.0
#include "lb/health/outlier_detector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace reseat::lb {
namespace {

Duration longest(const OutlierDetection& settings) {
    return std::max(settings.base_ejection_time, settings.max_ejection_time);
}

Duration length(const OutlierDetection& settings, unsigned multiplier) {
    return std::min(settings.base_ejection_time * multiplier, longest(settings));
}

std::string how(int error) {
    switch (error) {
        case ECONNREFUSED:
            return "refused";
        case ETIMEDOUT:
            return "timed out";
        case EHOSTUNREACH:
        case ENETUNREACH:
            return "found no route";
        default:
            return "failed";
    }
}

}  // namespace

std::optional<std::string> outlier_reason(const OutlierDetection& settings, const ConnectOutcomes& outcomes,
                                          bool answers) {
    const unsigned threshold = settings.consecutive_connect_failures;
    if (outcomes.failures_in_a_row >= threshold)
        return fmt::format("{} connects in a row {}", outcomes.failures_in_a_row, how(outcomes.error));
    const unsigned closed = answers ? outcomes.unanswered_in_a_row : 0;
    const unsigned broken = outcomes.resets_in_a_row + closed;
    if (broken >= threshold)
        return fmt::format("{} connections in a row {} before the first byte", broken,
                           closed == broken ? "closed" : "broken");
    return std::nullopt;
}

bool may_eject(const OutlierDetection& settings, std::size_t backends, std::size_t ejected) {
    return ejected == 0 || (ejected + 1) * 100 <= backends * settings.max_ejection_percent;
}

Duration OutlierDetector::eject(const OutlierDetection& settings, TimePoint now) {
    // Beyond the longest ejection it would only take longer to come down.
    if (multiplier_ == 0 || length(settings, multiplier_) < longest(settings)) ++multiplier_;
    ejected_at_ = now;
    return length(settings, multiplier_);
}

bool OutlierDetector::look(const OutlierDetection& settings, TimePoint now) {
    if (!ejected()) {
        if (multiplier_ > 0) --multiplier_;
        return false;
    }
    if (now < *until(settings)) return false;
    readmit();
    return true;
}

std::optional<TimePoint> OutlierDetector::until(const OutlierDetection& settings) const {
    if (!ejected()) return std::nullopt;
    return *ejected_at_ + length(settings, multiplier_);
}

}  // namespace reseat::lb
