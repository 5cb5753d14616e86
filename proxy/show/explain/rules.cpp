// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/explain/explain.hpp"

#include <fmt/format.h>

/// What happens to open sockets, as configured in `connections`.
namespace reseat::proxy {
namespace {

constexpr const char* kCases[][2] = {
    {"connections.on_unreachable", "When a backend's host does not answer at all"},
    {"connections.on_refused", "When it refuses connections"},
    {"connections.on_check_failed", "When its answer fails the check"},
    {"connections.on_unresponsive", "When it accepts a connection but does not answer"},
    {"connections.on_ejected", "When connects to it fail (ejected)"},
    {"connections.on_drain", "When you drain it"},
    {"connections.on_remove", "When it leaves the configuration"},
    {"connections.on_restarted", "When its host no longer knows its connections"},
};

std::string by_setting(const Facts& facts, const char* key) {
    return setting(facts, std::string("connections.") + key).value_or("");
}

/// What terminate, drain and keep come to for this protocol.
std::string fate(const Facts& facts, const std::string& word) {
    if (word == "keep") return "they are kept";
    if (facts.service.protocol == "udp") {
        const std::string udp = by_setting(facts, "udp");
        if (udp == "repoint") return "they are re-pointed to another backend, unnoticed by the application";
        return udp == "keep" ? "they are kept" : "they are terminated";
    }
    if (word == "terminate") return "they are terminated at once, so that clients reconnect (ECONNABORTED)";
    return fmt::format("they stay open and are terminated after {}", by_setting(facts, "drain_timeout"));
}

}  // namespace

void explain_rules(Page& page, const Facts& facts) {
    if (!setting(facts, "connections.on_unreachable")) return;
    page.heading("What happens to open sockets");
    for (const auto& [key, when] : kCases) {
        const std::string word = setting(facts, key).value_or("");
        page.paragraph(fmt::format("{}: {} ({}: {}).", when, fate(facts, word),
                                   std::string_view(key).substr(std::string_view("connections.").size()),
                                   word));
    }
    if (const std::string grace = by_setting(facts, "grace"); grace != "0s" && !grace.empty())
        page.paragraph(fmt::format(
            "Each of these waits {} and is cancelled if the backend recovers meanwhile (grace).", grace));
    page.paragraph(
        by_setting(facts, "only_if_alternative") == "true"
            ? "While no other backend is eligible, sockets are not terminated: they wait "
              "(only_if_alternative)."
            : "This also applies while no other backend is eligible (only_if_alternative: false).");
    page.paragraph(
        setting(facts, "on_no_healthy") == "reject"
            ? "When no backend is eligible, connects are refused (on_no_healthy: reject)."
            : "When no backend is eligible, the last healthy backends are used (on_no_healthy: fail_open).");
}

}  // namespace reseat::proxy
