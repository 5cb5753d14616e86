// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/model.hpp"

namespace reseat::proxy {

/// Sends spdlog's default logger to stderr, one line a message, as text
/// (`2026-11-22T15:00:00.000Z info message`) or JSON (`{"time": ..., "level": ..., "message": ...}`).
/// Control characters in messages become spaces: what a peer sends cannot forge a line.
void set_up_logging(lb::LogLevel level, lb::LogFormat format);

}  // namespace reseat::proxy
