// SPDX-License-Identifier: Apache-2.0
#include "config/did_you_mean.hpp"

#include "base/nearest_word.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace reseat::config {
namespace {

/// A word that people bring from HAProxy, Envoy, nginx or Kubernetes, and reseat's; `place` is where that is.
struct Foreign {
    std::string_view word;
    std::string_view ours;
    std::string_view place = "";
};

constexpr std::array foreign_words = {
    Foreign{"rise", "healthy_threshold", "health_check"},
    Foreign{"success_threshold", "healthy_threshold", "health_check"},
    Foreign{"fall", "unhealthy_threshold", "health_check"},
    Foreign{"failure_threshold", "unhealthy_threshold", "health_check"},
    Foreign{"inter", "interval", "health_check"},
    Foreign{"period", "interval", "health_check"},
    Foreign{"period_seconds", "interval", "health_check"},
    Foreign{"fastinter", "fast_interval", "health_check"},
    Foreign{"downinter", "unhealthy_interval", "health_check"},
    Foreign{"timeout_seconds", "timeout", "health_check"},
    Foreign{"http_get", "http", "health_check"},
    Foreign{"tcp_socket", "tcp", "health_check"},
    Foreign{"check", "health_check"},
    Foreign{"liveness_probe", "health_check"},
    Foreign{"readiness_probe", "health_check"},
    Foreign{"option", "health_check"},
    Foreign{"servers", "backends"},
    Foreign{"server", "backends"},
    Foreign{"server", "address"},
    Foreign{"endpoints", "backends"},
    Foreign{"upstreams", "backends"},
    Foreign{"upstream", "backends"},
    Foreign{"targets", "backends"},
    Foreign{"hosts", "backends"},
    Foreign{"vip", "address"},
    Foreign{"listen", "address"},
    Foreign{"bind", "address"},
    Foreign{"addresses", "address"},
    Foreign{"ip", "address"},
    Foreign{"host", "address"},
    Foreign{"listeners", "services"},
    Foreign{"clusters", "services"},
    Foreign{"frontends", "services"},
    Foreign{"balance", "lb_policy"},
    Foreign{"algorithm", "lb_policy"},
    Foreign{"backup", "priority"},
    Foreign{"slowstart", "slow_start"},
    Foreign{"retries", "unhealthy_threshold", "health_check"},
    Foreign{"logging", "log"},
    Foreign{"roundrobin", "round_robin"},
    Foreign{"rr", "round_robin"},
    Foreign{"leastconn", "least_conn"},
    Foreign{"least_request", "least_conn"},
    Foreign{"source", "maglev"},
    Foreign{"ring_hash", "maglev"},
    Foreign{"warning", "warn"},
    Foreign{"maintenance", "maint"},
    Foreign{"disabled", "maint"},
    Foreign{"enabled", "ready"},
    Foreign{"up", "ready"},
    Foreign{"abort", "terminate"},
    Foreign{"close", "terminate"},
    Foreign{"ignore", "keep"},
};

/// healthCheck, Health-Check and HEALTH_CHECK all become health_check.
std::string in_our_spelling(std::string_view word) {
    std::string spelled;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const auto c = static_cast<unsigned char>(word[i]);
        const bool new_word =
            i > 0 && std::isupper(c) && std::islower(static_cast<unsigned char>(word[i - 1]));
        if (new_word) spelled += '_';
        spelled += c == '-' || c == ' ' ? '_' : static_cast<char>(std::tolower(c));
    }
    return spelled;
}

}  // namespace

std::string suggestion(std::string_view word, std::span<const std::string_view> valid) {
    constexpr std::size_t longest_word = 64;
    const std::string spelled = in_our_spelling(word.substr(0, longest_word));
    const auto is_valid = [&](std::string_view w) { return std::ranges::find(valid, w) != valid.end(); };

    if (is_valid(spelled)) return fmt::format("; did you mean '{}'?", spelled);
    for (const auto& foreign : foreign_words)
        if (foreign.word == spelled && is_valid(foreign.ours))
            return fmt::format("; did you mean '{}'?", foreign.ours);
    if (const auto near = nearest_word(spelled, valid); !near.empty())
        return fmt::format("; did you mean '{}'?", near);
    for (const auto& foreign : foreign_words)
        if (foreign.word == spelled && is_valid(foreign.place))
            return fmt::format("; did you mean '{}' under '{}'?", foreign.ours, foreign.place);
    return fmt::format("; write one of: {}", fmt::join(valid, ", "));
}

}  // namespace reseat::config
