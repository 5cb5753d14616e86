// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/control_state.hpp"
#include "lb/control/plan/plan.hpp"
#include "lb/control/run/drain_watcher.hpp"

#include <optional>
#include <vector>

namespace reseat::lb {

/// Puts plans in force, and knows the lives that they begin and end.
class Publisher {
public:
    Publisher(ControlState& state, const OrderRunner& runner);

    /// What is to be done about this service; ids of new lives are given out.
    Decision decide(const ServiceState& service, TimePoint now) {
        return make_plan(service, next_life_, now);
    }
    /// In force, all or nothing.
    Result<void> publish(const Plan& plan);
    /// A plan that was refused may be half carried out: what clients see of it is taken back with the next
    /// one.
    void undo(const Plan& plan);
    Result<void> publish_undoing();
    void undo_service(ServiceId service) { undoing_.remove_services.push_back(service); }
    /// The plan was refused: what it would have retired is not vacated, perhaps.
    void doubt(const Plan& refused);

    /// Lives that are to go away are looked at until they are vacated.
    void note_lives(const TrackedService& service, TimePoint now);
    void forget(LifeId life) { drain_watcher_.forget(life); }
    /// There was a report about it: it is worth a look.
    void on_report(LifeId life) { drain_watcher_.on_report(life, std::chrono::steady_clock::now()); }
    /// Notes which lives are vacated. Returns those on which sockets hang that were ordered away.
    std::vector<LifeId> look_for_vacated(TimePoint now);

    /// After a plan was refused: when to try again.
    std::optional<TimePoint> retry_at() const { return retry_at_; }
    void retry(std::optional<TimePoint> at) { retry_at_ = at; }

private:
    ControlState& state_;
    LifeId next_life_;
    Plan undoing_;  ///< to be published before the next plan
    std::optional<TimePoint> retry_at_;
    DrainWatcher drain_watcher_;
};

}  // namespace reseat::lb
