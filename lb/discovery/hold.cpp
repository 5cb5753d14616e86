// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/hold.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace reseat::lb {
namespace {

using ServiceKey = std::pair<std::string_view, Protocol>;

/// What DNS names in each service.
std::map<ServiceKey, std::set<Endpoint>> named_in(const std::vector<NameView>& views) {
    std::map<ServiceKey, std::set<Endpoint>> all;
    for (const NameView& view : views)
        for (const NamedEndpoint& one : view.endpoints)
            all[{view.service, view.protocol}].insert(one.endpoint);
    return all;
}

void add_held(NameView& view, const NameView& before, const std::set<Endpoint>& named, const Absence& now,
              const Passing& passing) {
    std::vector<NamedEndpoint> held;
    for (const NamedEndpoint& one : before.endpoints) {
        const Absence absence = one.absent.value_or(now);
        if (!named.contains(one.endpoint) && now.since - absence.since < view.hold)
            held.push_back({one.endpoint, one.srv, absence});
    }
    if (held.empty()) return;
    const auto well = passing(view.service, view.protocol);
    std::erase_if(held, [&](const NamedEndpoint& one) { return !well.contains(one.endpoint); });
    held.resize(std::min(held.size(), kMaxNameAddresses - view.endpoints.size()));
    view.endpoints.insert(view.endpoints.end(), held.begin(), held.end());
    std::ranges::sort(view.endpoints, {}, &NamedEndpoint::endpoint);
}

}  // namespace

std::vector<NameView> hold(const std::vector<NameView>& before, std::vector<NameView> dns, const Absence& now,
                           const Passing& passing) {
    std::map<NameKey, const NameView*> known;
    for (const NameView& view : before) known.emplace(key_of(view), &view);
    const auto named = named_in(dns);
    static const std::set<Endpoint> nothing;
    for (NameView& view : dns) {
        const auto found = known.find(key_of(view));
        if (found == known.end()) continue;
        const auto others = named.find({view.service, view.protocol});
        add_held(view, *found->second, others == named.end() ? nothing : others->second, now, passing);
    }
    return dns;
}

std::optional<TimePoint> first_hold_over(const std::vector<NameView>& views) {
    std::optional<TimePoint> first;
    for (const NameView& view : views)
        for (const NamedEndpoint& one : view.endpoints)
            if (one.absent) first = std::min(first.value_or(TimePoint::max()), one.absent->since + view.hold);
    return first;
}

}  // namespace reseat::lb
