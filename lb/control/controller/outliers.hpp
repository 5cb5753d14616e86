// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/control_state.hpp"

#include <optional>
#include <set>
#include <string>

namespace reseat::lb {

/// Ejects backends to which connects keep failing while their checks pass, and takes them back.
class Outliers {
public:
    explicit Outliers(ControlState& state) : state_(state) {}

    /// A connect to `life` failed: worth a probe at once, whatever becomes of it.
    void on_failing_connect(LifeId life);
    /// Judges the lives to which connects failed, and looks whether ejections are over.
    void turn(TimePoint now);
    /// When a look is due.
    std::optional<TimePoint> next() const { return looks_.next(); }

    /// Its checks found it down, too, and up again: no reason to doubt them.
    void on_recovery(const Place& place);
    /// Ejection must not empty a service: what it took is given back where no other backend is left.
    void readmit_the_last(TrackedService& service);
    /// After a reload: an ejected backend stays so only while detection is on and others are left.
    void review();

private:
    void judge(const Place& place, LifeId life, TimePoint now);
    void look(TimePoint now);
    bool gets_answers(TrackedService& service) const;
    void readmit(const Place& place, std::string why);

    ControlState& state_;
    Agenda looks_;
    std::set<LifeId> failing_;  ///< not judged yet
};

}  // namespace reseat::lb
