// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/event.hpp"

#include <spdlog/spdlog.h>

namespace reseat::lb {

void log_event(const Event& event) {
    const auto level = event.level == Event::Level::info   ? spdlog::level::info
                       : event.level == Event::Level::warn ? spdlog::level::warn
                                                           : spdlog::level::err;
    spdlog::log(level, "{}", event.message);
    for (const std::string& line : event.details) spdlog::log(level, "{}", line);
}

}  // namespace reseat::lb
