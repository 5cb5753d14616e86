// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/explain/explain.hpp"
#include "proxy/show/status_text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

/// What became of sockets, which wait, and which are stuck.
namespace reseat::proxy {
namespace {

std::string last_failover(const FailoverView& failover, SystemTime now) {
    std::string text = fmt::format(
        "The last failover was {} ago, from {}: {}. Of {} on it {} terminated (the client is notified and "
        "reconnects) and {} re-pointed (the client does not notice), within {}.",
        age(failover.at, now), failover.backend, failover.reason, counted(failover.matched, "socket"),
        failover.terminated == 1 ? "1 was" : fmt::format("{} were", failover.terminated), failover.repointed,
        human(failover.duration_us));
    if (failover.failed) text += fmt::format(" {} could not be terminated.", failover.failed);
    return text;
}

std::string held_by(const Facts& facts, const BackendView& backend) {
    const std::string who = holders(facts, backend.name);
    return who.empty() ? "" : " (held by " + who + ")";
}

/// What the last report about this backend said.
std::string why_stuck(const Facts& facts, const BackendView& backend) {
    for (auto event = facts.events.rbegin(); event != facts.events.rend(); ++event) {
        const auto& report = event->at("report");
        if (event->at("backend") != backend.name.c_str() || !report.is_object()) continue;
        const auto* failure = report.as_object().if_contains("first_failure");
        if (failure != nullptr && failure->is_string())
            return one_line(std::string_view(failure->as_string()));
    }
    return "";
}

std::string stuck(const Facts& facts, const BackendView& backend) {
    const std::string why = why_stuck(facts, backend);
    return fmt::format("STUCK on {}: {}{} could not be terminated{}. This is retried at least every 30 s.",
                       backend.name, counted(backend.stuck, "socket"), held_by(facts, backend),
                       why.empty() ? "" : ": " + why);
}

std::string waiting(const Facts& facts, const BackendView& backend) {
    return fmt::format(
        "WAITING on {}: {}{}, to be terminated or re-pointed as soon as another backend is eligible "
        "(only_if_alternative).",
        backend.name, counted(backend.waiting, "socket"), held_by(facts, backend));
}

}  // namespace

void explain_sockets(Page& page, const Facts& facts, SystemTime now) {
    const ServiceView& service = facts.service;
    page.heading("Sockets");
    if (service.last_failover)
        page.paragraph(last_failover(*service.last_failover, now));
    else
        page.paragraph("No socket has been terminated or re-pointed yet.");
    for (const auto& backend : service.backends) {
        if (backend.waiting) page.paragraph(waiting(facts, backend));
        if (backend.stuck) page.paragraph(stuck(facts, backend));
    }
    if (service.untracked)
        page.paragraph(fmt::format("{} older than reseat could not be terminated.",
                                   counted(service.untracked, "socket")));
    if (!service.waiting && !service.stuck) page.paragraph("No socket is waiting or stuck.");
}

}  // namespace reseat::proxy
