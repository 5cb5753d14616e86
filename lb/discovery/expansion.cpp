// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/expansion.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

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

/// Makes the backends of one service, whatever names them.
class Expansion {
public:
    Expansion(Service& service, std::size_t& room, unsigned levels)
        : service_(service), room_(room), levels_(levels) {
        for (Backend& backend : service_.backends) {
            backend.priority *= levels_;
            endpoints_.insert(backend.endpoint);
            names_.insert(backend.name);
        }
    }

    void add(const NamedBackends& named, const NameView& view) {
        const Assignment said = assignment_of(view);
        for (std::size_t i = 0; i < said.endpoints.size(); ++i) {
            const auto& srv = view.endpoints[i].srv;
            Backend* backend = add(named.name, named.priority, said.endpoints[i], said.endpoints[i].level);
            if (!backend) continue;
            backend->weight = srv ? said.endpoints[i].weight : named.weight;
            backend->state = named.state;
            backend->check = named.check;
            backend->dns_name = without_dot(srv ? srv->target : named.dns_name);
        }
    }

    void add(const SourcedBackends& entry, const SourceView& view) {
        for (const ServedEndpoint& one : view.endpoints) {
            const std::string name = entry.name.empty() ? service_.name : entry.name;
            Backend* backend = add(name, entry.priority, one.is, levels_ > 1 ? one.is.level : 0);
            if (!backend) continue;
            backend->weight = entry.weight.value_or(one.is.weight);
            backend->state = entry.state;
            backend->check = entry.check;
            if (!backend->check.address) backend->check.address = one.is.check_address;
            if (backend->check.port == 0) backend->check.port = one.is.check_port;
            backend->standing = one.is.standing;
            backend->incarnation = one.is.incarnation;
            backend->node = one.is.node;
            backend->zone = one.is.zone;
            backend->source = to_string(entry.ref);
            backend->held = one.held;
        }
    }

private:
    /// Null: there is no room, or the endpoint is another one's.
    Backend* add(const std::string& of, unsigned priority, const SourcedEndpoint& from, unsigned level) {
        if (room_ == 0 || !endpoints_.insert(from.endpoint).second) return nullptr;
        --room_;
        std::string name = of + "@" + (from.name.empty() ? to_string(from.endpoint) : from.name);
        // A pod with an address of each family, or with several ports.
        if (!from.name.empty() && names_.contains(name)) name += "." + family_of(from);
        if (!names_.insert(name).second) {
            name = of + "@" + to_string(from.endpoint);
            names_.insert(name);
        }
        service_.backends.push_back(
            {.name = std::move(name), .endpoint = from.endpoint, .priority = priority * levels_ + level});
        return &service_.backends.back();
    }

    static std::string family_of(const SourcedEndpoint& one) {
        return one.endpoint.address.family() == Family::v4 ? "v4" : "v6";
    }

    Service& service_;
    std::size_t& room_;
    unsigned levels_;
    std::set<Endpoint> endpoints_;
    std::set<std::string> names_;
};

using Views = std::vector<SourceView>::const_iterator;

/// Some of its backends are ordered by what names them.
unsigned levels_of(const Service& service, Views begin, Views end) {
    const auto is_srv = [](const NamedBackends& named) { return named.type == RecordType::srv; };
    const auto has_levels = [](const SourceView& view) {
        return std::ranges::any_of(view.endpoints, [](const auto& one) { return one.is.level > 0; });
    };
    const bool any =
        std::ranges::any_of(service.named_backends, is_srv) || std::any_of(begin, end, has_levels);
    return any ? kSrvPriorities : 1;
}

bool is_unknown(const SourceView& view) {
    return view.said.known == Assignment::Known::never && view.endpoints.empty();
}

}  // namespace

Assignment assignment_of(const NameView& view) {
    Assignment said{.known = view.endpoints.empty() ? Assignment::Known::never : Assignment::Known::present,
                    .error = view.error,
                    .confirmed_at = view.good_at,
                    .stale = !view.error.empty(),
                    .left_out = view.left_out};
    const unsigned most = heaviest(view);
    for (const NamedEndpoint& one : view.endpoints) {
        SourcedEndpoint endpoint{.endpoint = one.endpoint};
        if (one.srv) {
            const unsigned weight = one.srv->weight;
            const unsigned scaled = most > kMaxWeight ? weight * kMaxWeight / most : weight;
            endpoint.weight = std::max(scaled, 1U);
            endpoint.level = one.srv->priority;
        }
        said.endpoints.push_back(std::move(endpoint));
    }
    return said;
}

std::vector<Service> expand(std::vector<Service> services, const std::vector<NameView>& views,
                            const std::vector<SourceView>& sources) {
    std::size_t room = kMaxExpandedBackends;
    auto view = views.begin();
    auto source = sources.begin();
    for (Service& service : services) {
        const auto its_sources = source;
        const auto known =
            std::min<std::ptrdiff_t>(std::ssize(service.sourced_backends), sources.end() - source);
        source += known;
        Expansion expansion(service, room, levels_of(service, its_sources, source));
        for (const NamedBackends& named : service.named_backends) expansion.add(named, *view++);
        for (std::ptrdiff_t i = 0; i < known; ++i)
            expansion.add(service.sourced_backends[static_cast<std::size_t>(i)], its_sources[i]);
        const bool unheard =
            !service.sourced_backends.empty() && std::all_of(its_sources, source, is_unknown);
        if (unheard && service.backends.empty() && service.until_known == UntilKnown::pass)
            service.addresses.clear();
        service.named_backends.clear();
        service.sourced_backends.clear();
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
