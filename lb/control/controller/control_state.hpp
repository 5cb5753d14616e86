// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/registry.hpp"
#include "lb/control/report/event.hpp"
#include "lb/control/report/transition.hpp"
#include "lb/control/run/agenda.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace reseat::lb {

/// What the parts of the controller share. On the loop only.
struct ControlState {
    ControlState(DataPlane& to, EventSink sink) : plane(to), tell(std::move(sink)) {}

    DataPlane& plane;
    EventSink tell;
    Registry registry{1};
    Agenda agenda;                        ///< services to be decided about
    std::vector<Transition> transitions;  ///< to be told with the next plan
    std::function<void()> wake;           ///< has a turn taken soon
    std::function<void(BackendId)> on_suspect = [](BackendId) {};

    /// Something happened to this service: it is decided about in the next turn.
    void wake_service(ServiceId service) {
        agenda.wake(service);
        wake();
    }
    void note_transition(BackendStats& stats, Transition::Kind kind, std::string reason, LifeId met) {
        ++stats.counters.transitions[static_cast<std::size_t>(kind)];
        transitions.push_back({stats.id, kind, std::move(reason), met});
    }
};

}  // namespace reseat::lb
