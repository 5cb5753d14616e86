// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/name_news.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace reseat::lb {
namespace {

constexpr std::size_t kToldAddresses = 8;

std::string text(const NameView& view, const Endpoint& endpoint) {
    return view.named.type == RecordType::srv ? to_string(endpoint) : to_string(endpoint.address);
}

std::string addresses(const NameView& view) {
    if (view.endpoints.empty()) return "nothing";
    std::vector<std::string> told;
    for (std::size_t i = 0; i < std::min(view.endpoints.size(), kToldAddresses); ++i)
        told.push_back(text(view, view.endpoints[i].endpoint));
    const std::size_t more = view.endpoints.size() - told.size();
    return fmt::format("{}{}", fmt::join(told, ", "), more ? fmt::format(" and {} more", more) : "");
}

std::string_view verb(SocketFate fate, std::size_t count) {
    if (fate == SocketFate::keep) return "kept";
    if (fate == SocketFate::terminate) return "terminated";
    return count == 1 ? "drains" : "drain";
}

std::set<Endpoint> endpoints(const NameView& view) {
    std::set<Endpoint> all;
    for (const NamedEndpoint& one : view.endpoints) all.insert(one.endpoint);
    return all;
}

/// That DNS stops naming one that is held, or names it again, is no news: with rotating answers it never
/// ends.
bool same_backends(const NameView& before, const NameView& now) {
    return std::ranges::equal(before.endpoints, now.endpoints, [](const auto& a, const auto& b) {
        return a.endpoint == b.endpoint && a.srv == b.srv;
    });
}

/// " (1 added, 1 held, 1 drains)"; only weights or priorities changed: "".
std::string changes(const NameView& before, const NameView& now) {
    const auto old_ones = endpoints(before), new_ones = endpoints(now);
    const auto missing_in = [](const auto& all, const auto& other) {
        return static_cast<std::size_t>(
            std::ranges::count_if(all, [&](const Endpoint& one) { return !other.contains(one); }));
    };
    std::vector<std::string> parts;
    if (const auto added = missing_in(new_ones, old_ones)) parts.push_back(fmt::format("{} added", added));
    const auto held =
        std::ranges::count_if(now.endpoints, [](const auto& one) { return one.absent.has_value(); });
    if (held) parts.push_back(fmt::format("{} held", held));
    if (const auto gone = missing_in(old_ones, new_ones))
        parts.push_back(fmt::format("{} {}", gone, verb(now.on_remove, gone)));
    return parts.empty() ? "" : fmt::format(" ({})", fmt::join(parts, ", "));
}

std::string again(const NameView& view, TimePoint at) {
    const auto pause = std::max(view.next - at, Duration::zero());
    return fmt::format("next query in {} s", std::chrono::ceil<std::chrono::seconds>(pause).count());
}

std::string about(const NameView& view) {
    return fmt::format("{}: {}", view.service, view.named.dns_name);
}

std::string cannot_be_resolved(const NameView& view) {
    return fmt::format("{} cannot be resolved: {}; {}", about(view), view.error,
                       view.endpoints.empty() ? "no backend is known yet" : "still using " + addresses(view));
}

std::string leads_to_a_service(const NameView& view, const ServiceEndpoint& found) {
    return fmt::format(
        "{} is {}, the address of {}: connections to it are not balanced again; use names of the servers "
        "themselves (for a Kubernetes Service, of a headless one)",
        about(view), to_string(found.endpoint), owner(view, found));
}

}  // namespace

std::string owner(const NameView& view, const ServiceEndpoint& found) {
    return found.service == view.service ? "this very service" : "the service " + found.service;
}

std::vector<Event> name_news(const std::vector<NameView>& before, const std::vector<NameView>& now,
                             TimePoint at) {
    std::map<NameKey, const NameView*> known;
    for (const NameView& view : before) known.emplace(key_of(view), &view);
    using Level = Event::Level;
    std::vector<Event> news;
    std::set<std::string> told;
    const auto say = [&](const NameView& view, Level level, std::string line) {
        // Those of a service for both protocols are the same twice.
        if (told.insert(line).second)
            news.push_back({.type = Event::Type::names_changed,
                            .level = level,
                            .service = view.service,
                            .message = std::move(line)});
    };
    static const NameView nothing;
    for (const NameView& view : now) {
        const auto found = known.find(key_of(view));
        const NameView& was = found == known.end() ? nothing : *found->second;
        const bool resolves_again = !was.error.empty() && view.error.empty();
        if (!same_backends(was, view))
            say(view, Level::info,
                fmt::format("{} is now {}{}, {}", about(view), addresses(view), changes(was, view),
                            again(view, at)));
        else if (resolves_again)
            say(view, Level::info,
                fmt::format("{} is resolved again: still {}", about(view), addresses(view)));
        if (was.error.empty() && !view.error.empty()) say(view, Level::warn, cannot_be_resolved(view));
        for (const ServiceEndpoint& found : view.service_endpoints)
            if (std::ranges::find(was.service_endpoints, found) == was.service_endpoints.end())
                say(view, Level::warn, leads_to_a_service(view, found));
        if (was.left_out == 0 && view.left_out > 0)
            say(view, Level::warn,
                fmt::format("{} has more than {} addresses or {} SRV records: ignoring {}", about(view),
                            kMaxNameAddresses, kMaxSrvTargets, view.left_out));
    }
    return news;
}

}  // namespace reseat::lb
