// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/generations.hpp"
#include "lb/health/wake_up.hpp"

#include <functional>
#include <map>

namespace reseat::bpf {

/// Takes LB_EVENT_HUNG_UP. Peers that close connections are the rule for some protocols and news for others:
/// the first of a life is told at once, and as long as more follow, only after pauses of 1, 2, 4 ... 64 s, in
/// which the programs make no event of them.
class HangUps {
public:
    using OnHangUp = std::function<void(lb::LifeId)>;
    HangUps(lb::asio::any_io_executor executor, const Generations& generations, OnHangUp on_hang_up);

    void on_event(lb::LifeId life);
    /// Events were lost: what waits to be taken is taken.
    void on_lost_events();
    /// Lets the programs tell again. Runs until cancelled.
    lb::Task<void> run();

private:
    struct Pause {
        lb::Duration length{};
        bool over = false;  ///< told again since; remembered for as long as the next one would be soon
    };
    void end_pause(lb::LifeId life);

    const Generations& generations_;
    OnHangUp on_hang_up_;
    lb::WakeUp heard_;
    std::map<lb::LifeId, Pause> pauses_;
    std::multimap<lb::TimePoint, lb::LifeId> due_;
};

}  // namespace reseat::bpf
