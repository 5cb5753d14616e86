// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/explain/explain.hpp"

#include "base/text.hpp"
#include "proxy/show/lists_text.hpp"
#include "proxy/show/status_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace reseat::proxy {
namespace {

constexpr std::size_t kMostEvents = 5;

struct Verdict {
    std::string text;
    Colour colour;
};

Verdict verdict(const ServiceView& service) {
    if (service.has_left()) return {"no longer in the configuration", Colour::warning};
    const bool somebody = std::ranges::any_of(service.backends, &BackendView::serves);
    if (!somebody) return {"no backend serves it: connects are refused", Colour::bad};
    if (service.eligible == 0 && !service.panic)
        return {"no backend is known to be healthy; those not checked yet are used", Colour::warning};
    if (service.eligible == 0) return {"no backend is healthy; the last healthy ones are used", Colour::bad};
    if (service.panic)
        return {"panic mode: too few backends are healthy, so their health is ignored", Colour::bad};
    if (service.eligible < service.total || service.stuck || service.waiting)
        return {fmt::format("works with {} of {}", service.eligible, counted(service.total, "backend")),
                Colour::warning};
    const bool misled = std::ranges::any_of(
        service.discovery, [](const DnsNameView& name) { return !name.service_addresses.empty(); });
    if (misled)
        return {"a DNS name resolves to the address of a service, not to its servers", Colour::warning};
    return {fmt::format("healthy, {} of {} eligible", service.eligible, counted(service.total, "backend")),
            Colour::good};
}

std::string trouble(const ServiceView& service) {
    std::string text = counted(service.open_sockets, "open socket");
    if (service.waiting) text += fmt::format(", {} waiting", service.waiting);
    if (service.stuck) text += fmt::format(", {} stuck", service.stuck);
    return text;
}

void lately(Page& page, const Facts& facts) {
    if (facts.events.empty()) return;
    page.heading("Recent events");
    const std::size_t first = facts.events.size() - std::min(facts.events.size(), kMostEvents);
    for (std::size_t i = first; i < facts.events.size(); ++i) {
        std::string line = event_text(facts.events[i], false);
        line.erase(line.find('\n'));
        page.paragraph(line);
    }
    if (first != 0) page.command(fmt::format("reseat events {}", facts.service.name));
}

/// Until when its last sockets go on.
std::string farewell(const ServiceView& service, SystemTime now) {
    if (service.open_sockets == 0) return "No socket is open any more: the service is about to be removed.";
    SystemTime last{};
    bool all_end = true;
    for (const BackendView& backend : service.backends) {
        if (backend.open_sockets == 0) continue;
        all_end = all_end && backend.sockets_end_at;
        last = std::max(last, backend.sockets_end_at.value_or(SystemTime{}));
    }
    const std::string open =
        counted(service.open_sockets, "socket") + (service.open_sockets == 1 ? " goes" : " go");
    if (!all_end) return open + " on until their processes close them.";
    if (last <= now) return open + " on; those that are still open are being terminated.";
    return fmt::format("{} on; those that are still open in {} are terminated then.", open,
                       human(last - now));
}

std::string introduction(const ServiceView& service, SystemTime now) {
    if (service.has_left())
        return "Its address is no longer balanced: connects to it go to the network unchanged. " +
               farewell(service, now);
    return fmt::format(
        "The workload connects to {}. The kernel assigns each connect to a backend and the data goes to it "
        "directly.",
        fmt::join(service.addresses, ", "));
}

}  // namespace

std::string explain_text(const Facts& facts, SystemTime now, std::size_t width, bool colours) {
    const ServiceView& service = facts.service;
    Page page(width, colours);
    const auto [text, colour] = verdict(service);
    page.paragraph(fmt::format("{} ({}): {}; {}", service.name, service.protocol,
                               paint(text, colour, colours), trouble(service)),
                   0);
    page.paragraph(introduction(service, now), 0);
    explain_sources(page, facts, now);
    explain_backends(page, facts, now);
    if (!service.has_left()) explain_choice(page, facts);
    explain_sockets(page, facts, now);
    lately(page, facts);
    explain_rules(page, facts);
    explain_advice(page, facts);
    return page.text();
}

}  // namespace reseat::proxy
