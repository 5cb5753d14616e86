// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/event.hpp"
#include "lb/model.hpp"

#include <functional>

namespace reseat::proxy {

/// Sends spdlog's default logger to stderr, one line a message, as text
/// (`2026-11-22T15:00:00.000Z info message`) or JSON (`{"time": ..., "level": ..., "message": ...}`; of an
/// event also its type as `event`, `service`, `backend` and `report`).
/// Control characters in messages become spaces: what a peer sends cannot forge a line.
void set_up_logging(lb::LogLevel level, lb::LogFormat format);

/// lb::log_event(), with the event's fields where the format has any.
void log(const lb::Event& event);

/// While this lives, whatever is logged as a warning or an error without being an event is reported as one,
/// of type `warning`, though log.level may leave it out of the log. One at a time. `tell` is called on the
/// thread that logs.
class WarningsAsEvents {
public:
    explicit WarningsAsEvents(lb::EventSink tell);
    ~WarningsAsEvents();
    WarningsAsEvents(const WarningsAsEvents&) = delete;
};

}  // namespace reseat::proxy
