// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/differences.hpp"

#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <type_traits>

namespace reseat::lb {
namespace {

using boost::describe::describe_members, boost::describe::mod_public;

std::string backends(std::size_t count) {
    return fmt::format("{} backend{}", count, count == 1 ? "" : "s");
}

std::string_view participle(SocketFate fate) {
    switch (fate) {
        case SocketFate::keep:
            return "keeping";
        case SocketFate::drain:
            return "draining";
        case SocketFate::terminate:
            return "terminating";
    }
    return "";
}

/// Both sides of one value, if they differ.
template <class T>
void compare(std::vector<std::string>& parts, std::string_view what, const T& before, const T& now) {
    if (before != now) parts.push_back(fmt::format("{} {} -> {}", what, before, now));
}

std::vector<std::string> backend_changes(const Backend& before, const Backend& now) {
    std::vector<std::string> parts;
    compare(parts, "name", before.name, now.name);
    compare(parts, "weight", before.weight, now.weight);
    compare(parts, "priority", before.priority, now.priority);
    compare(parts, "state", word_of(before.state), word_of(now.state));
    if (before.check != now.check) parts.emplace_back("health_check changed");
    return parts;
}

std::vector<std::string> setting_changes(const Service& before, const Service& now) {
    std::vector<std::string> parts;
    if (before.addresses != now.addresses) parts.emplace_back("address changed");
    boost::mp11::mp_for_each<describe_members<Service, mod_public>>([&](auto setting) {
        const auto &old = before.*setting.pointer, &current = now.*setting.pointer;
        if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(old)>>)
            compare(parts, setting.name, old, current);
        else if (old != current)
            parts.push_back(fmt::format("{} changed", setting.name));
    });
    return parts;
}

}  // namespace

std::vector<std::string> differences(const ServiceState& running, const Service& configured) {
    const Service& before = *running.service;
    std::vector<std::string> lines;
    const auto say = [&](std::string_view what) {
        lines.push_back(fmt::format("{}: {}", title(configured), what));
    };
    if (running.removed) say("is back");
    for (const std::string& part : setting_changes(before, configured))
        if (!running.removed) say(part);
    std::map<Endpoint, std::size_t> former;
    for (std::size_t i = 0; i < before.backends.size(); ++i) former.emplace(before.backends[i].endpoint, i);
    for (const Backend& backend : configured.backends) {
        const auto found = former.extract(backend.endpoint);
        if (found.empty()) {
            say(fmt::format("backend {} added", backend.name));
            continue;
        }
        const std::size_t i = found.mapped();
        if (running.backends[i].removing && !running.removed)
            say(fmt::format("backend {} is back", backend.name));
        const auto parts = backend_changes(before.backends[i], backend);
        if (!parts.empty()) say(fmt::format("backend {}: {}", backend.name, fmt::join(parts, ", ")));
    }
    for (const auto& [endpoint, i] : former)
        if (!running.backends[i].removing)
            say(fmt::format("backend {} removed, {} its sockets", before.backends[i].name,
                            participle(before.connections.on_remove)));
    return lines;
}

std::vector<std::string> differences(const std::vector<AccessPolicy>& running,
                                     const std::vector<AccessPolicy>& configured) {
    std::vector<std::string> lines;
    for (const AccessPolicy& policy : configured) {
        const auto found = std::ranges::find(running, policy.name, &AccessPolicy::name);
        if (found == running.end())
            lines.push_back(fmt::format("policy {} added", policy.name));
        else if (*found != policy)
            lines.push_back(fmt::format("policy {} changed", policy.name));
    }
    for (const AccessPolicy& policy : running)
        if (std::ranges::find(configured, policy.name, &AccessPolicy::name) == configured.end())
            lines.push_back(fmt::format("policy {} removed", policy.name));
    if (lines.empty() && running != configured) lines.emplace_back("policies: order changed");
    return lines;
}

std::string added(const Service& service) {
    return fmt::format("{}: added, {}", title(service), backends(service.backends.size()));
}

std::string removed(const ServiceState& running) {
    const auto alive = [](const BackendRecord& record) { return record.life || !record.ended.empty(); };
    const auto count = static_cast<std::size_t>(std::ranges::count_if(running.backends, alive));
    if (count == 0) return fmt::format("{}: removed", title(*running.service));
    return fmt::format("{}: removed, {} {}", title(*running.service),
                       participle(running.service->connections.on_remove), backends(count));
}

}  // namespace reseat::lb
