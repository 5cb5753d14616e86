// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/agenda.hpp"

namespace reseat::lb {

void Agenda::done(ServiceId service, std::optional<TimePoint> next) {
    woken_.erase(service);
    if (const auto found = clock_of_.find(service); found != clock_of_.end()) {
        clocks_.erase({found->second, service});
        clock_of_.erase(found);
    }
    if (!next) return;
    clocks_.insert({*next, service});
    clock_of_[service] = *next;
}

std::vector<ServiceId> Agenda::due(TimePoint now) {
    for (auto clock = clocks_.begin(); clock != clocks_.end() && clock->first <= now; ++clock)
        woken_.insert(clock->second);
    return {woken_.begin(), woken_.end()};
}

std::optional<TimePoint> Agenda::next() const {
    return clocks_.empty() ? std::nullopt : std::optional(clocks_.begin()->first);
}

}  // namespace reseat::lb
