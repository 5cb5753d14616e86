// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/expansion.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace reseat::lb {
namespace {

constexpr unsigned kMaxWeight = 256;  ///< as one that is configured

unsigned heaviest(const NameView& view) {
    unsigned weight = 1;
    for (const auto& [endpoint, srv, absent] : view.endpoints)
        if (srv) weight = std::max<unsigned>(weight, srv->weight);
    return weight;
}

std::string without_dot(const std::string& name) {
    return name.substr(0, name.find_last_not_of('.') + 1);
}

Backend backend_of(const NamedBackends& named, const NamedEndpoint& from, unsigned heaviest) {
    Backend backend{.name = named.name + "@" + to_string(from.endpoint),
                    .endpoint = from.endpoint,
                    .weight = named.weight,
                    .priority = named.priority,
                    .state = named.state,
                    .check = named.check,
                    .dns_name = without_dot(from.srv ? from.srv->target : named.dns_name)};
    if (from.srv) {
        const unsigned weight = from.srv->weight;
        const unsigned scaled = heaviest > kMaxWeight ? weight * kMaxWeight / heaviest : weight;
        backend.weight = std::max(scaled, 1U);
        backend.priority += from.srv->priority;
    }
    return backend;
}

}  // namespace

std::vector<Service> expand(std::vector<Service> services, const std::vector<NameView>& views) {
    std::size_t room = kMaxExpandedBackends;
    auto view = views.begin();
    for (Service& service : services) {
        const auto is_srv = [](const NamedBackends& named) { return named.type == RecordType::srv; };
        const unsigned levels = std::ranges::any_of(service.named_backends, is_srv) ? kSrvPriorities : 1;
        std::set<Endpoint> seen;
        for (Backend& backend : service.backends) {
            backend.priority *= levels;
            seen.insert(backend.endpoint);
        }
        for (NamedBackends& named : service.named_backends) {
            named.priority *= levels;
            const unsigned most = heaviest(*view);
            for (const NamedEndpoint& endpoint : view->endpoints) {
                if (room == 0 || !seen.insert(endpoint.endpoint).second) continue;
                --room;
                service.backends.push_back(backend_of(named, endpoint, most));
            }
            ++view;
        }
        service.named_backends.clear();
    }
    return services;
}

bool expand_alike(const std::vector<NameView>& before, const std::vector<NameView>& now) {
    const auto is_same = [](const NamedEndpoint& a, const NamedEndpoint& b) {
        return std::tie(a.endpoint, a.srv) == std::tie(b.endpoint, b.srv);
    };
    return std::ranges::equal(before, now, [&](const NameView& a, const NameView& b) {
        return std::ranges::equal(a.endpoints, b.endpoints, is_same);
    });
}

}  // namespace reseat::lb
