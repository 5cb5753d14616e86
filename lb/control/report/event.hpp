// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace reseat::lb {

/// As the admin interface names them.
BOOST_DEFINE_ENUM_CLASS(
    EventType, backend_up, backend_down, backend_ejected, backend_readmitted,
    backend_ready,  ///< by the operator, as the next three
    backend_drain, backend_maint, backend_weight,
    backend_restarted,  ///< its host answered a keepalive probe with a reset
    service_degraded,   ///< none is eligible, or too few: the last healthy ones serve, all, or none
    service_recovered,  ///< it is not in panic any more
    sockets_ended, policy_denied, names_changed,
    source_changed,     ///< what a source of backends says
    source_lost,        ///< it cannot be heard: what it said last stays
    source_back,        ///< it can again
    source_guarded,     ///< it lost many endpoints at once, which are held
    source_guard_over,  ///< they are not any more
    source_repaired,    ///< a list showed what its changes had not
    source_disagrees,   ///< what it calls ready fails its checks for long
    reload, reload_failed, network_suspected,
    network_cleared,  ///< a backend on another machine answers
    started, ready, stopping, warning)
BOOST_DEFINE_ENUM_CLASS(EventLevel, info, warn, error)

/// Something that happened, for people. The line in the log and all other output are made of the same
/// value, so that they agree.
struct Event {
    using Type = EventType;
    using Level = EventLevel;

    Type type = Type::warning;
    Level level = Level::info;
    std::string service;                           ///< empty: it is not about one alone
    std::string backend;                           ///< only with a service
    std::optional<Protocol> protocol = {};         ///< of the service; nothing: of both its halves
    std::string message;                           ///< one line
    std::vector<std::string> details = {};         ///< further lines
    std::optional<TerminationReport> report = {};  ///< what became of sockets
};

/// Receives events. Called on the loop's thread.
using EventSink = std::function<void(const Event&)>;

/// Writes the event's lines to the log, nothing else.
void log_event(const Event& event);

}  // namespace reseat::lb
