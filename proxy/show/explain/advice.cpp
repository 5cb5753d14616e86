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
        page.paragraph(fmt::format(
            "{}: see on its host what the checked process does (its log, its load); if it hangs, restart "
            "it. It is used again by itself when its check passes. To take it out meanwhile:",
            backend.name));
    else if (backend.check.result == "timeout")
        page.paragraph(
            fmt::format("{}: see whether its host runs and can be reached from here. It is used again by "
                        "itself when its check passes. To take it out for good, or for repair:",
                        backend.name));
    else if (backend.check.result == "refused")
        page.paragraph(
            fmt::format("{}: start what is to listen at {}. It is used again by itself when its check "
                        "passes. To take it out meanwhile:",
                        backend.name, backend.address));
    else
        page.paragraph(fmt::format("{}: ask it what is wrong; its check says: {}. To take it out meanwhile:",
                                   backend.name, backend.check.detail));
    page.command("reseat maint " + target(facts, backend));
}

void taken_out(Page& page, const Facts& facts, const BackendView& backend) {
    if (backend.open_sockets) {
        page.paragraph(
            fmt::format("{}: to see who is still on it, to end them now, or to use it again:", backend.name));
        page.command("reseat sockets " + target(facts, backend));
        page.command("reseat terminate " + target(facts, backend));
    } else {
        page.paragraph(fmt::format("{}: nobody is on it any more. When it may be used again:", backend.name));
    }
    page.command("reseat ready " + target(facts, backend));
}

void ejected(Page& page, const Facts& facts, const BackendView& backend) {
    page.paragraph(
        fmt::format("{}: connect to it yourself from the workload's side ({}); something lies between, or it "
                    "accepts and then does nothing. To give it no connections until that is found:",
                    backend.name, backend.address));
    page.command("reseat maint " + target(facts, backend));
}

void waiting(Page& page, const Facts& facts, const BackendView& backend) {
    page.paragraph(
        fmt::format("{} on {}: bring a backend back, and they are ended or moved by themselves. If the "
                    "clients are to be told now, although there is nowhere to go:",
                    backend.waiting == 1 ? "1 socket waits" : fmt::format("{} sockets wait", backend.waiting),
                    backend.name));
    page.command("reseat terminate " + target(facts, backend));
}

void stuck(Page& page, const Facts& facts, const BackendView& backend) {
    const std::string who = holders(facts, backend.name);
    page.paragraph(fmt::format(
        "{} on {}: a thread of {} is in the middle of a system call with that socket and does "
        "not come back. It ends by itself when that thread goes on; see what it waits for, or end "
        "the process:",
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
        page.paragraph(fmt::format("{}: reseat cannot make the check: {}. That is no fault of the backend.",
                                   fmt::join(names, ", "), lack));
    if (by_lack.empty()) return false;
    if (!runs_commands) {
        page.paragraph(
            "Descriptors are short (LimitNOFILE=, ulimit -n), or memory, or this machine is overloaded. "
            "It is tried again by itself.");
        return true;
    }
    page.paragraph(
        "See that the program of health_check.exec.command is there, and that the user that reseat runs as "
        "may run it. It is tried again by itself. After a change of the configuration:");
    page.command("reseat reload");
    return true;
}

/// It goes by itself. True: something was said.
bool leaving(Page& page, const Facts& facts) {
    if (!facts.service.has_left()) return false;
    page.paragraph("If that was not meant: add it to the configuration again, then:");
    page.command("reseat reload");
    if (facts.service.open_sockets == 0) return true;
    page.paragraph("Otherwise nothing: it goes away with its last socket. To end them now:");
    page.command("reseat terminate " + facts.service.name);
    return true;
}

/// Of names that are not resolved, or not yet. True: something was said.
bool unresolved(Page& page, const Facts& facts) {
    const bool serves = std::ranges::any_of(facts.service.backends, &BackendView::serves);
    std::vector<std::string> commands;
    for (const auto& name : facts.service.names) {
        if (name.error.empty() && (name.has_addresses || serves)) continue;
        page.paragraph(fmt::format(
            "The name {}: {}.", name.name,
            !name.error.empty() ? "see why it is not resolved: " + name.error : "no address of it is known"));
        commands.push_back("dig +search " + name.name + (name.type == "srv" ? " SRV" : ""));
    }
    if (commands.empty()) return false;
    page.paragraph(
        "reseat asks /etc/hosts, then the name servers of /etc/resolv.conf, as it sees these files itself. "
        "It asks again by itself, and the backends are used as soon as there is an answer. To ask yourself:");
    for (const auto& command : commands) page.command(command);
    return true;
}

/// Of names that lead to a service instead of its servers. True: something was said.
bool misled(Page& page, const Facts& facts) {
    bool said = false;
    for (const auto& name : facts.service.names) {
        if (name.service_addresses.empty()) continue;
        page.paragraph(fmt::format(
            "The name {}: write one that stands for the servers themselves (of a Kubernetes Service, that of "
            "a headless one), or their addresses; then:",
            name.name));
        page.command("reseat reload");
        said = true;
    }
    return said;
}

/// What fits this backend; nothing: it is well.
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
    if (!anything) page.paragraph("Nothing.");
}

}  // namespace reseat::proxy
