// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/explain/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

/// What to do, with the commands to do it.
namespace reseat::proxy {
namespace {

using Advise = void (*)(Page&, const Facts&, const BackendView&);

std::string target(const Facts& facts, const BackendView& backend) {
    return facts.service.name + "/" + backend.name;
}

void down(Page& page, const Facts& facts, const BackendView& backend) {
    if (backend.check.result == "unresponsive")
        page.paragraph(
            fmt::format("{}: look at the checked process on its host (log, load); if it hangs, restart it. "
                        "It is used again automatically when its check passes. To take it out meanwhile:",
                        backend.name));
    else if (backend.check.result == "timeout")
        page.paragraph(
            fmt::format("{}: check that its host runs and is reachable from here. It is used again "
                        "automatically when its check passes. To take it out for maintenance:",
                        backend.name));
    else if (backend.check.result == "refused")
        page.paragraph(
            fmt::format("{}: start the process that should listen on {}. It is used again automatically when "
                        "its check passes. To take it out meanwhile:",
                        backend.name, backend.address));
    else
        page.paragraph(fmt::format(
            "{}: look for the cause on the backend; its check reports: {}. To take it out meanwhile:",
            backend.name, backend.check.detail));
    page.command("reseat maint " + target(facts, backend));
}

void taken_out(Page& page, const Facts& facts, const BackendView& backend) {
    if (backend.open_sockets) {
        page.paragraph(
            fmt::format("{}: to list its open sockets, terminate them now, or use it again:", backend.name));
        page.command("reseat sockets " + target(facts, backend));
        page.command("reseat terminate " + target(facts, backend));
    } else {
        page.paragraph(fmt::format("{}: no socket is open on it any more. To use it again:", backend.name));
    }
    page.command("reseat ready " + target(facts, backend));
}

void ejected(Page& page, const Facts& facts, const BackendView& backend) {
    page.paragraph(
        fmt::format("{}: connect to it from the workload's side ({}); the path to it is blocked, or it "
                    "accepts connections and does not serve them. To give it no connections meanwhile:",
                    backend.name, backend.address));
    page.command("reseat maint " + target(facts, backend));
}

void waiting(Page& page, const Facts& facts, const BackendView& backend) {
    page.paragraph(
        fmt::format("{} on {}: once a backend is eligible again, they are terminated or re-pointed "
                    "automatically. To notify the clients now, without an alternative:",
                    backend.waiting == 1 ? "1 socket waits" : fmt::format("{} sockets wait", backend.waiting),
                    backend.name));
    page.command("reseat terminate " + target(facts, backend));
}

void stuck(Page& page, const Facts& facts, const BackendView& backend) {
    const std::string who = holders(facts, backend.name);
    page.paragraph(fmt::format(
        "{} on {}: a thread of {} holds the socket lock in a system call that does not return. Termination "
        "completes when the thread releases it; find out what it waits for, or stop the process:",
        backend.stuck == 1 ? "1 socket is stuck" : fmt::format("{} sockets are stuck", backend.stuck),
        backend.name, who.empty() ? "its process" : who));
    page.command("reseat sockets " + target(facts, backend));
}

bool is_uncheckable(const BackendView& backend) {
    return backend.check.result == "not_probed" && backend.state != "removing";
}

/// Said once of all that lack the same. True: something was said.
bool uncheckable(Page& page, const Facts& facts) {
    std::map<std::string, std::vector<std::string>> by_lack;
    bool runs_commands = false;
    for (const auto& backend : facts.service.backends) {
        if (!is_uncheckable(backend)) continue;
        by_lack[backend.check.detail].push_back(backend.name);
        runs_commands |= backend.check.type == "exec";
    }
    for (const auto& [lack, names] : by_lack)
        page.paragraph(fmt::format("{}: reseat cannot make the check: {}. The backend is not the cause.",
                                   fmt::join(names, ", "), lack));
    if (by_lack.empty()) return false;
    if (!runs_commands) {
        page.paragraph(
            "This machine is short of descriptors (LimitNOFILE=, ulimit -n) or memory, or overloaded. The "
            "check is retried automatically.");
        return true;
    }
    page.paragraph(
        "Check that the program of health_check.exec.command exists and that the user of reseat may run it. "
        "The check is retried automatically. After a change of the configuration:");
    page.command("reseat reload");
    return true;
}

/// It goes by itself. True: something was said.
bool leaving(Page& page, const Facts& facts) {
    if (!facts.service.has_left()) return false;
    page.paragraph("If this was not intended, add it to the configuration again, then:");
    page.command("reseat reload");
    if (facts.service.open_sockets == 0) return true;
    page.paragraph(
        "Otherwise, do nothing: it is removed with its last socket. To terminate its sockets now:");
    page.command("reseat terminate " + facts.service.name);
    return true;
}

/// Of names that are not resolved, or not yet. True: something was said.
bool unresolved(Page& page, const Facts& facts) {
    const bool serves = std::ranges::any_of(facts.service.backends, &BackendView::serves);
    std::vector<std::string> commands;
    for (const auto& name : facts.service.discovery) {
        if (!name.error && (!name.addresses.empty() || serves)) continue;
        page.paragraph(fmt::format(
            "The name {}: {}.", name.name,
            name.error ? "find out why it does not resolve: " + *name.error : "no address is known"));
        commands.push_back("dig +search " + name.name + (name.type == "srv" ? " SRV" : ""));
    }
    if (commands.empty()) return false;
    page.paragraph(
        "reseat queries /etc/hosts, then the name servers of /etc/resolv.conf, as seen in its own mount "
        "namespace. It retries automatically and uses the backends as soon as there is an answer. To query "
        "manually:");
    for (const auto& command : commands) page.command(command);
    return true;
}

/// Of names that lead to a service instead of its servers. True: something was said.
bool misled(Page& page, const Facts& facts) {
    bool said = false;
    for (const auto& name : facts.service.discovery) {
        if (name.service_addresses.empty()) continue;
        page.paragraph(
            fmt::format("The name {}: replace it by a name of the servers themselves (for a Kubernetes "
                        "Service, of a headless one) or by their addresses; then:",
                        name.name));
        page.command("reseat reload");
        said = true;
    }
    return said;
}

/// The advice for this backend; null: it is healthy.
Advise advice_for(const BackendView& backend) {
    if (backend.state == "down") return is_uncheckable(backend) ? nullptr : down;
    if (backend.state == "drain" || backend.state == "maint") return taken_out;
    return backend.state == "ejected" ? ejected : nullptr;
}

}  // namespace

void explain_advice(Page& page, const Facts& facts) {
    page.heading("What to do");
    bool anything = leaving(page, facts);
    anything |= unresolved(page, facts);
    anything |= misled(page, facts);
    anything |= uncheckable(page, facts);
    for (const auto& backend : facts.service.backends) {
        const Advise advise = advice_for(backend);
        if (advise) advise(page, facts, backend);
        if (backend.waiting) waiting(page, facts, backend);
        if (backend.stuck) stuck(page, facts, backend);
        anything |= advise || backend.waiting || backend.stuck;
    }
    if (!anything) page.paragraph("No action is needed.");
}

}  // namespace reseat::proxy
