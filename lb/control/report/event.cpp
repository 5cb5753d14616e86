// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/event.hpp"

#include <spdlog/spdlog.h>

#include <array>

namespace reseat::lb {

std::string_view to_string(Event::Type type) {
    constexpr std::array<std::string_view, 22> words = {"backend_up",
                                                        "backend_down",
                                                        "backend_ejected",
                                                        "backend_readmitted",
                                                        "backend_ready",
                                                        "backend_drain",
                                                        "backend_maint",
                                                        "backend_weight",
                                                        "backend_restarted",
                                                        "service_degraded",
                                                        "service_recovered",
                                                        "sockets_ended",
                                                        "policy_denied",
                                                        "names_changed",
                                                        "reload",
                                                        "reload_failed",
                                                        "network_suspected",
                                                        "network_cleared",
                                                        "started",
                                                        "ready",
                                                        "stopping",
                                                        "warning"};
    return words.at(static_cast<std::size_t>(type));
}

std::string_view to_string(Event::Level level) {
    constexpr std::array<std::string_view, 3> words = {"info", "warn", "error"};
    return words.at(static_cast<std::size_t>(level));
}

void log_event(const Event& event) {
    const auto level = event.level == Event::Level::info   ? spdlog::level::info
                       : event.level == Event::Level::warn ? spdlog::level::warn
                                                           : spdlog::level::err;
    spdlog::log(level, "{}", event.message);
    for (const std::string& line : event.details) spdlog::log(level, "{}", line);
}

}  // namespace reseat::lb
