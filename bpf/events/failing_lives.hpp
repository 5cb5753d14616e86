// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "bpf/attach/map_handover.hpp"
#include "lb/health/outlier_detector.hpp"

#include <functional>
#include <map>

namespace reseat::bpf {

/// Reads lb_outcomes: the sum over all sets of maps of this process.
lb::ConnectOutcomes read_outcomes(const MapHandover& handover, lb::LifeId life);
/// LB_TOLD_*: whether an event was sent that user space has not taken; that it was taken.
bool is_told(const MapHandover& handover, lb::LifeId life, std::uint32_t told);
void let_tell(const MapHandover& handover, lb::LifeId life, std::uint32_t told);
/// No failure is in a row with earlier ones.
void forget_row(const MapHandover& handover, lb::LifeId life);

/// Takes LB_EVENT_FAILING: reports the first failure at once, and of those after it, however many they are,
/// at most every 10 ms for each life.
class FailingLives {
public:
    using OnFailing = std::function<void(lb::LifeId)>;
    FailingLives(asio::any_io_executor executor, const MapHandover& handover, OnFailing on_failing);

    void on_event(lb::LifeId life);
    /// Events were lost: reports each life that has one that was not taken.
    void on_lost_events();
    /// Lets the programs report again. Runs until cancelled.
    Task<void> run();

private:
    std::uint64_t counted(lb::LifeId life) const;

    const MapHandover& handover_;
    OnFailing on_failing_;
    WakeUp heard_;
    std::map<lb::LifeId, std::uint64_t> told_;  ///< the count when it was last reported
};

}  // namespace reseat::bpf
