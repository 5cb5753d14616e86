// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "bpf/attach/map_handover.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace reseat::bpf {

/// Which lives may report hang-ups, and when. Pure; each life has one moment that it waits for.
class HangUpPauses {
public:
    /// An event of this life. True: it is news, and a pause begins, twice as long as the one before if that
    /// ended a short time ago.
    bool begin(lb::LifeId life, TimePoint now);
    /// The lives whose pauses are over: they may report again.
    std::vector<lb::LifeId> end_due(TimePoint now);
    /// When end_due() has something to do; nothing: no life has a pause.
    std::optional<TimePoint> next_due() const;

private:
    struct Pause {
        Duration length{};
        TimePoint due{};
        bool over = false;  ///< may report again; remembered until `due`, as the next one would be soon
    };
    void wait(lb::LifeId life, Pause& pause, TimePoint due);

    std::map<lb::LifeId, Pause> pauses_;
    std::set<std::pair<TimePoint, lb::LifeId>> due_;
};

/// Takes LB_EVENT_HUNG_UP. Peers that close connections are the rule for some protocols and news for others:
/// the first of a life is reported at once, and as long as more follow, only after pauses of 1, 2, 4 ... 64
/// s, in which the programs make no event of them.
class HangUps {
public:
    using OnHangUp = std::function<void(lb::LifeId)>;
    HangUps(asio::any_io_executor executor, const MapHandover& handover, OnHangUp on_hang_up);

    void on_event(lb::LifeId life);
    /// Events were lost: what waits to be taken is taken.
    void on_lost_events();
    /// Lets the programs report again. Runs until cancelled.
    Task<void> run();

private:
    const MapHandover& handover_;
    OnHangUp on_hang_up_;
    WakeUp heard_;
    HangUpPauses pauses_;
};

}  // namespace reseat::bpf
