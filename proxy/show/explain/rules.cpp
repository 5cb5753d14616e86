// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/explain/explain.hpp"

#include <fmt/format.h>

/// What will happen to open sockets, as `connections` has it.
namespace reseat::proxy {
namespace {

constexpr const char* kCases[][2] = {
    {"connections.on_unreachable", "When a backend's host does not answer at all"},
    {"connections.on_refused", "When it refuses"},
    {"connections.on_check_failed", "When it answers badly"},
    {"connections.on_unresponsive", "When it takes a connection and does not answer"},
    {"connections.on_ejected", "When connects to it fail (ejected)"},
    {"connections.on_drain", "When you drain it"},
    {"connections.on_remove", "When it leaves the configuration"},
    {"connections.on_restarted", "When its host has forgotten its connections"},
};

std::string by_setting(const Facts& facts, const char* key) {
    return setting(facts, std::string("connections.") + key).value_or("");
}

/// What terminate, drain and keep come to for this protocol.
std::string fate(const Facts& facts, const std::string& word) {
    if (word == "keep") return "they stay as they are";
    if (facts.service.protocol == "udp") {
        const std::string udp = by_setting(facts, "udp");
        if (udp == "repoint") return "they are moved to another backend, unnoticed by the application";
        return udp == "keep" ? "they stay as they are" : "they are ended";
    }
    if (word == "terminate") return "they are ended at once, so that clients connect again (ECONNABORTED)";
    return fmt::format("they go on, and are ended after {}", by_setting(facts, "drain_timeout"));
}

}  // namespace

void explain_rules(Page& page, const Facts& facts) {
    if (!setting(facts, "connections.on_unreachable")) return;
    page.heading("What will happen to open sockets");
    for (const auto& [key, when] : kCases) {
        const std::string word = setting(facts, key).value_or("");
        page.paragraph(fmt::format("{}: {} ({}: {}).", when, fate(facts, word),
                                   std::string_view(key).substr(std::string_view("connections.").size()),
                                   word));
    }
    if (const std::string grace = by_setting(facts, "grace"); grace != "0s" && !grace.empty())
        page.paragraph(fmt::format("Each after {} of grace, in which a recovery cancels it (grace).", grace));
    page.paragraph(
        by_setting(facts, "only_if_alternative") == "true"
            ? "As long as no other backend is eligible they are spared, and wait (only_if_alternative)."
            : "Also where no other backend is eligible (only_if_alternative: false).");
    page.paragraph(
        setting(facts, "on_no_healthy") == "reject"
            ? "When nobody is eligible, connects are refused (on_no_healthy: reject)."
            : "When nobody is eligible, those that were healthy last are used (on_no_healthy: fail_open).");
}

}  // namespace reseat::proxy
