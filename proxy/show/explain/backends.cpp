// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/explain/explain.hpp"
#include "proxy/show/status_text.hpp"
#include "proxy/show/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>

/// Which backends serve, which do not, and why.
namespace reseat::proxy {
namespace {

/// "since 2026-11-22T15:00:00Z, for 5 min"
std::string since(const BackendView& backend, SystemTime now) {
    if (!backend.since) return "since the start";
    const std::string at = iso8601(*backend.since);
    return fmt::format("since {}Z, for {}", at.substr(0, at.find('.')), age(backend.since, now));
}

/// What was asked last, and what came.
std::string last_check(const Facts& facts, const BackendView& backend, SystemTime now) {
    const CheckView& check = backend.check;
    if (check.type == "none") return "It has no health check.";
    if (!check.result) return "It has not been checked yet.";
    if (check.result == "not_probed")
        return fmt::format("Its {} check could not be made {} ago: {}.", check.type, age(check.at, now),
                           check.detail);
    std::string text = fmt::format("Its {} check", check.type);
    if (const auto path = setting(facts, "health_check.http.path"); path && check.type == "http")
        text += " of " + *path;
    text += fmt::format(" said {} ago: {}", age(check.at, now),
                        check.detail.empty() ? *check.result : check.detail);
    if (check.result == "passed") text += fmt::format(", in {}", human(check.latency_us));
    if (check.failures) text += fmt::format(" ({} in a row)", counted(check.failures, "failure"));
    if (check.passes && backend.state == "down")
        text += fmt::format(" ({} in a row)", counted(check.passes, "pass"));
    return text + ".";
}

/// What a failed check means.
std::string meaning(const CheckView& check) {
    if (check.result == "timeout") return "Nothing answers: its host is down or unreachable from here.";
    if (check.result == "unresponsive")
        return "Its host is alive, but the checked process does not answer: it hangs, is stopped or is "
               "overloaded.";
    if (check.result == "refused")
        return "Its host is alive, but nothing listens on the port: the process died or is shutting down.";
    if (check.result == "bad_answer") return "It answers, but the answer is not the expected one.";
    if (check.result == "not_probed")
        return "The check could not be made, which says nothing about the backend.";
    return "";
}

/// Why one that is up gets nothing.
std::string why_idle(const Facts& facts, const BackendView& backend) {
    if (backend.reason.starts_with("denied by policy")) return "It is " + backend.reason + ".";
    if (backend.weight == 0) return "Its weight is 0: it gets no new connections; open ones stay.";
    const auto carries = std::ranges::find_if(facts.service.backends, [&](const BackendView& other) {
        return other.serves() && other.priority < backend.priority && is_v6(other) == is_v6(backend);
    });
    if (carries != facts.service.backends.end())
        return fmt::format(
            "It is in reserve: priority {} is used when no backend of priority {} is eligible.",
            backend.priority, carries->priority);
    return "";
}

/// What its state means.
std::string why_out(const Facts& facts, const BackendView& backend, SystemTime now) {
    const std::string& state = backend.state;
    if (state == "up") return why_idle(facts, backend);
    if (state == "down") return meaning(backend.check);
    if (state == "unchecked") return backend.check.result == "not_probed" ? meaning(backend.check) : "";
    if (state == "removing") return "It is removed when its last socket is closed.";
    if (state == "leaving")
        return "It shuts down: it gets new connections only while no ready backend is eligible.";
    if (state == "unready") return "It gets no new connections until its source says that it is ready.";
    if (state != "ejected") return "";
    const bool is_due = !backend.ejected_until || *backend.ejected_until <= now;
    return fmt::format("Its check passes, but the workload's own connects to it fail. It is tried again {}.",
                       is_due ? "soon" : "in " + human(*backend.ejected_until - now));
}

std::string in_words(const std::string& state) {
    if (state == "drain") return "draining";
    if (state == "maint") return "in maintenance";
    if (state == "removing") return "being removed";
    if (state == "unready") return "not ready";
    return state == "unchecked" ? "not checked yet" : state;
}

Colour colour_of(const std::string& state) {
    if (state == "up") return Colour::good;
    return state == "down" || state == "ejected" ? Colour::bad : Colour::warning;
}

/// What became of those that were on it, and what is still open.
std::string its_sockets(const Facts& facts, const BackendView& backend, SystemTime now) {
    std::string text;
    if (const auto moved = moved_since(facts, backend))
        text = fmt::format("{} terminated, {} re-pointed. ", counted(moved->terminated, "socket"),
                           moved->repointed);
    if (backend.open_sockets == 0) return text + "No socket is open on it.";
    text += counted(backend.open_sockets, "socket") + (backend.open_sockets == 1 ? " is" : " are") +
            " open on it";
    if (const std::string who = holders(facts, backend.name); !who.empty()) text += ", of " + who;
    if (backend.sockets_end_at && *backend.sockets_end_at > now)
        text += fmt::format("; those that are still open are terminated in {}",
                            human(*backend.sockets_end_at - now));
    return text + ".";
}

/// "pg-1 at 10.0.1.11:5432 is down since 2026-11-22T15:00:00Z, for 5 min: no answer within 1s (3/3)."
std::string head(const BackendView& backend, SystemTime now, bool colours) {
    const bool has_reason =
        backend.state != "up" && !backend.reason.empty() && backend.reason != in_words(backend.state);
    return fmt::format("{} at {} is {} {}{}.", backend.name, backend.address,
                       paint(in_words(backend.state), colour_of(backend.state), colours), since(backend, now),
                       has_reason ? ": " + backend.reason : "");
}

void serving(Page& page, const Facts& facts, const BackendView& backend, SystemTime now) {
    const bool is_well = backend.state == "up";
    const std::string why = is_well ? "" : why_out(facts, backend, now);
    page.paragraph(fmt::format("{}{}{} {} {} of new connections and has {}.",
                               head(backend, now, page.colours()), why.empty() ? "" : " ", why,
                               is_well ? "It gets" : "It still gets", percent(backend.share),
                               counted(backend.open_sockets, "open socket")));
    page.paragraph(last_check(facts, backend, now), 4);
}

void idle(Page& page, const Facts& facts, const BackendView& backend, SystemTime now) {
    const std::string more = why_out(facts, backend, now);
    page.paragraph(head(backend, now, page.colours()) + (more.empty() ? "" : " " + more));
    page.paragraph(last_check(facts, backend, now), 4);
    page.paragraph(its_sockets(facts, backend, now), 4);
}

void about_name(Page& page, const ServiceView& service, const DnsNameView& name, SystemTime now) {
    if (name.error)
        page.paragraph(fmt::format(
            "The name {} does not resolve: {}. {}", name.name, *name.error,
            name.addresses.empty() ? "No address is known." : "Its last addresses are still used."));
    for (const ServiceAddressView& one : name.service_addresses)
        page.paragraph(
            fmt::format("The name {} resolves to {}, the address of {}, not to a server: connections to it "
                        "are not balanced again, and the servers behind it are unknown.",
                        name.name, one.address, owner(one, service)));
    for (const auto& [address, absent_since, until] : name.held)
        page.paragraph(
            fmt::format("{} is held: absent from DNS for {}, but it passes its checks. It is used for "
                        "another {}, or longer if {} resolves to it again (names.hold).",
                        address, age(absent_since, now),
                        human(std::max(until.value_or(now) - now, SystemTime::duration())), name.name));
}

void those_that_serve(Page& page, const Facts& facts, SystemTime now) {
    page.heading("In use");
    bool anybody = false;
    for (const auto& backend : facts.service.backends)
        if (backend.serves()) {
            serving(page, facts, backend, now);
            anybody = true;
        }
    if (!anybody) page.paragraph("No backend: connects are refused at once.");
    for (const auto& name : facts.service.discovery) about_name(page, facts.service, name, now);
}

}  // namespace

void explain_backends(Page& page, const Facts& facts, SystemTime now) {
    if (!facts.service.has_left()) those_that_serve(page, facts, now);
    if (std::ranges::all_of(facts.service.backends, &BackendView::serves)) return;
    page.heading(facts.service.has_left() ? "Its backends" : "Not in use");
    for (const auto& backend : facts.service.backends)
        if (!backend.serves()) idle(page, facts, backend, now);
}

}  // namespace reseat::proxy
