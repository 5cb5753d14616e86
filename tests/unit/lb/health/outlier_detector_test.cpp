// SPDX-License-Identifier: Apache-2.0
#include "lb/health/outlier_detector.hpp"

#include "tests/support/catch.hpp"

#include <cerrno>

using namespace reseat;
using namespace reseat::lb;
using namespace std::chrono_literals;

namespace {

const OutlierDetection defaults;
constexpr TimePoint t0{std::chrono::hours(1)};

std::optional<std::string> reason(unsigned failures, unsigned resets = 0, int error = ECONNREFUSED) {
    return outlier_reason(defaults,
                          {.failures_in_a_row = failures, .resets_in_a_row = resets, .error = error}, true);
}

}  // namespace

TEST_CASE("the threshold makes an outlier, one failure less does not [E44]", "[outlier]") {
    CHECK(reason(0) == std::nullopt);
    CHECK(reason(4) == std::nullopt);
    CHECK(reason(5) == "5 connects in a row refused");
    CHECK(reason(7, 0, ETIMEDOUT) == "7 connects in a row timed out");
    CHECK(reason(5, 0, EHOSTUNREACH) == "5 connects in a row found no route");
    CHECK(reason(5, 0, 0) == "5 connects in a row failed");
    CHECK(reason(4, 4) == std::nullopt);  // two rows, not one
    CHECK(reason(0, 5, ECONNRESET) == "5 connections in a row broken before the first byte");
    OutlierDetection strict;
    strict.consecutive_connect_failures = 1;
    CHECK(outlier_reason(strict, {.failures_in_a_row = 1}, true).has_value());
}

TEST_CASE("connections closed without an answer add to those that broke, where requests get answers [E44]",
          "[outlier]") {
    const ConnectOutcomes closed{.unanswered_in_a_row = 5},
        mixed{.resets_in_a_row = 2, .unanswered_in_a_row = 3};
    CHECK(outlier_reason(defaults, closed, true) == "5 connections in a row closed before the first byte");
    CHECK(outlier_reason(defaults, mixed, true) == "5 connections in a row broken before the first byte");
    CHECK(outlier_reason(defaults, closed, false) == std::nullopt);
    CHECK(outlier_reason(defaults, mixed, false) == std::nullopt);
    CHECK(outlier_reason(defaults, {.unanswered_in_a_row = 4}, true) == std::nullopt);
}

TEST_CASE("one may always be ejected, more only within max_ejection_percent", "[outlier]") {
    OutlierDetection settings;
    CHECK(may_eject(settings, 2, 0));
    CHECK_FALSE(may_eject(settings, 2, 1));
    CHECK_FALSE(may_eject(settings, 19, 1));
    CHECK(may_eject(settings, 20, 1));
    CHECK_FALSE(may_eject(settings, 20, 2));
    settings.max_ejection_percent = 0;
    CHECK(may_eject(settings, 20, 0));
    CHECK_FALSE(may_eject(settings, 1000, 1));
    settings.max_ejection_percent = 100;
    CHECK(may_eject(settings, 3, 2));
}

TEST_CASE("an ejection ends at the first look after its time", "[outlier]") {
    OutlierDetector detector;
    CHECK_FALSE(detector.is_pending());
    CHECK(detector.eject(defaults, t0) == 30s);
    CHECK(detector.ejected());
    CHECK(detector.until(defaults) == t0 + 30s);
    CHECK_FALSE(detector.look(defaults, t0 + 29s));
    CHECK(detector.ejected());
    CHECK(detector.look(defaults, t0 + 30s));
    CHECK_FALSE(detector.ejected());
    CHECK(detector.until(defaults) == std::nullopt);
}

TEST_CASE("each further ejection is longer, up to the longest", "[outlier]") {
    OutlierDetector detector;
    TimePoint now = t0;
    for (const auto length : {30s, 60s, 90s, 120s, 150s, 180s, 210s, 240s, 270s, 300s, 300s, 300s}) {
        CHECK(detector.eject(defaults, now) == length);
        now += 300s;
        CHECK(detector.look(defaults, now));
    }
    CHECK(detector.multiplier() == 10);  // it does not grow beyond what counts
}

TEST_CASE("the multiplier falls by one at each look without ejection, then nothing is left", "[outlier]") {
    OutlierDetector detector;
    detector.eject(defaults, t0);
    CHECK(detector.look(defaults, t0 + 30s));  // this look ends the ejection and takes nothing off
    detector.eject(defaults, t0 + 40s);
    CHECK(detector.multiplier() == 2);
    CHECK(detector.look(defaults, t0 + 100s));
    CHECK_FALSE(detector.look(defaults, t0 + 110s));
    CHECK(detector.multiplier() == 1);
    CHECK(detector.is_pending());
    CHECK_FALSE(detector.look(defaults, t0 + 120s));
    CHECK(detector.multiplier() == 0);
    CHECK_FALSE(detector.is_pending());
    CHECK_FALSE(detector.look(defaults, t0 + 130s));
    CHECK(detector.eject(defaults, t0 + 140s) == 30s);
}

TEST_CASE("a longest time below the base time is no shorter than that", "[outlier]") {
    OutlierDetection settings;
    settings.max_ejection_time = 1s;
    OutlierDetector detector;
    CHECK(detector.eject(settings, t0) == 30s);
    CHECK(detector.look(settings, t0 + 30s));
    CHECK(detector.eject(settings, t0 + 40s) == 30s);
}

TEST_CASE("other settings hold for an ejection that has begun", "[outlier]") {
    OutlierDetector detector;
    detector.eject(defaults, t0);
    OutlierDetection shorter;
    shorter.base_ejection_time = 5s;
    CHECK(detector.look(shorter, t0 + 5s));
}

TEST_CASE("who is readmitted early keeps its multiplier", "[outlier]") {
    OutlierDetector detector;
    detector.eject(defaults, t0);
    detector.readmit();
    CHECK_FALSE(detector.ejected());
    CHECK(detector.is_pending());
    CHECK(detector.eject(defaults, t0 + 1s) == 60s);
}
