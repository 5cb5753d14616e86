// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/source_record.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

namespace reseat::lb {

void SourceRecord::on_heard(std::chrono::system_clock::time_point at) {
    if (state_ != State::synced) since_ = at;
    state_ = State::synced;
    heard_at_ = at;
    error_.clear();
    fault_since_.reset();
    back_ |= std::exchange(lost_told_, false);
}

void SourceRecord::on_fault(Fault fault, std::string why, TimePoint now,
                            std::chrono::system_clock::time_point at) {
    ++faults_[fault];
    if (state_ != State::stale) since_ = at;
    state_ = State::stale;
    error_ = printable(beginning(why, 500));
    if (!fault_since_) fault_since_ = now;
    back_ = false;
}

std::optional<TimePoint> SourceRecord::next() const {
    if (!fault_since_ || lost_told_) return std::nullopt;
    return *fault_since_ + kLostAfter;
}

std::optional<Event> SourceRecord::take_event(TimePoint now, std::chrono::system_clock::time_point at) {
    if (std::exchange(repaired_, false))
        return Event{.type = Event::Type::source_repaired,
                     .level = Event::Level::warn,
                     .message = name_ + ": its list shows changes that it had not said"};
    if (std::exchange(back_, false))
        return Event{.type = Event::Type::source_back, .message = name_ + " can be heard again"};
    if (!fault_since_ || lost_told_ || now < *fault_since_ + kLostAfter) return std::nullopt;
    lost_told_ = true;
    const std::string rest =
        heard_at_ == std::chrono::system_clock::time_point{}
            ? "nothing was heard from it yet"
            : fmt::format("{} on with what it said {} ago",
                          refs_ == 1 ? "its service goes" : fmt::format("its {} services go", refs_),
                          human(std::chrono::duration_cast<Duration>(at - heard_at_)));
    return Event{.type = Event::Type::source_lost,
                 .level = Event::Level::warn,
                 .message = fmt::format("{} cannot be heard: {}; {}", name_, error_, rest)};
}

}  // namespace reseat::lb
