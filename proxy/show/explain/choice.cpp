// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/explain/explain.hpp"
#include "proxy/show/status_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

/// How a backend is chosen.
namespace reseat::proxy {
namespace {

std::string policy(const Facts& facts) {
    const std::string& name = facts.service.lb_policy;
    if (name == "round_robin") return "round_robin: backends take turns, by weight.";
    if (name == "random") return "random: by weight.";
    if (name == "least_conn")
        return "least_conn: of two at random, by weight, the one with fewer open sockets for its weight.";
    if (name != "maglev") return name + ".";
    const std::string key = setting(facts, "hash_key").value_or("hash_key");
    return fmt::format("maglev: by a hash of the {}, so that the same one goes to the same backend.", key);
}

/// "pg-1 33 %, pg-2 67 %", or that all get the same.
std::string shares(const ServiceView& service) {
    std::set<std::string> percents;
    std::string list;
    for (const auto& backend : service.backends) {
        if (!backend.serves()) continue;
        percents.insert(percent(backend.share));
        list += fmt::format("{}{} {} (weight {:g})", list.empty() ? "" : ", ", backend.name,
                            percent(backend.share), backend.effective_weight);
    }
    if (list.empty()) return "";
    return percents.size() == 1 ? fmt::format("Each that serves gets {}.", *percents.begin())
                                : "Shares: " + list + ".";
}

/// Which level is in use; empty where there is but one.
std::string levels(const ServiceView& service) {
    std::set<unsigned> all, carrying;
    for (const auto& backend : service.backends) {
        all.insert(backend.priority);
        if (backend.serves()) carrying.insert(backend.priority);
    }
    if (all.size() < 2 || carrying.empty()) return "";
    return fmt::format("Priority {} is in use (of {}): the lowest number with an eligible backend.",
                       *carrying.begin(), counted(all.size(), "level"));
}

std::string in_distress(const Facts& facts) {
    const ServiceView& service = facts.service;
    const bool somebody = std::ranges::any_of(service.backends, &BackendView::serves);
    if (!service.panic)
        return service.eligible == 0 && somebody
                   ? "No backend is eligible: those that have not been checked yet are used."
                   : "";
    if (service.eligible == 0)
        return "No backend is eligible: on_no_healthy is fail_open, so the last healthy backends are used, "
               "or all.";
    return fmt::format(
        "Panic mode: less than {} % of the backends are eligible (panic_threshold), so health is ignored.",
        setting(facts, "panic_threshold").value_or("the wanted"));
}

bool is_v6_address(const std::string& address) {
    return address.starts_with('[');
}

/// Which family of addresses is refused while the other one serves; empty: none.
std::string refused_family(const ServiceView& service) {
    for (const bool v6 : {false, true}) {
        const auto dialled = [&](bool family) {
            return std::ranges::count(service.addresses, family, is_v6_address) > 0;
        };
        const auto served = [&](bool family) {
            return std::ranges::any_of(service.backends, [&](const BackendView& backend) {
                return backend.serves() && is_v6(backend) == family;
            });
        };
        if (dialled(v6) && dialled(!v6) && !served(v6) && served(!v6))
            return fmt::format(
                "No {} backend is eligible: connects to the {} address are refused at once, so "
                "that clients use {}.",
                v6 ? "IPv6" : "IPv4", v6 ? "IPv6" : "IPv4", v6 ? "IPv4" : "IPv6");
    }
    return "";
}

std::string warming(const ServiceView& service) {
    const bool warms = std::ranges::any_of(service.backends, [](const BackendView& backend) {
        return backend.serves() && backend.effective_weight < backend.weight;
    });
    return warms ? "A recovered backend gets its weight gradually (slow_start)." : "";
}

}  // namespace

void explain_choice(Page& page, const Facts& facts) {
    page.heading("How a backend is selected");
    std::string text = policy(facts);
    for (const auto& more : {shares(facts.service), levels(facts.service), in_distress(facts),
                             refused_family(facts.service), warming(facts.service)})
        if (!more.empty()) text += " " + more;
    page.paragraph(text);
}

}  // namespace reseat::proxy
