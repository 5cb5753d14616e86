// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace reseat::lb {

/// Which services are to be decided about, and when. Costs by those that are due.
class Agenda {
public:
    /// Something happened to it: as soon as possible.
    void wake(ServiceId service) { woken_.insert(service); }
    /// It was decided about; the next time, though nothing may happen, is `next`.
    void done(ServiceId service, std::optional<TimePoint> next);
    void forget(ServiceId service) { done(service, std::nullopt); }

    /// Those that are due, in order of their ids. They stay due until done().
    std::vector<ServiceId> due(TimePoint now);
    /// The first clock that runs out.
    std::optional<TimePoint> next() const;
    bool is_set(ServiceId service) const { return clock_of_.contains(service); }  ///< a clock runs

private:
    std::set<ServiceId> woken_;
    std::set<std::pair<TimePoint, ServiceId>> clocks_;
    std::unordered_map<ServiceId, TimePoint> clock_of_;
};

}  // namespace reseat::lb
