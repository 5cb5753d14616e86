// SPDX-License-Identifier: Apache-2.0
#include "lb/rule_set.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace reseat::lb {
namespace {

using Rules = RuleSet::Rules;

std::vector<Destination> destinations_of(std::span<const AccessPolicy> policies) {
    std::vector<Destination> all;
    for (const AccessPolicy& policy : policies) all.insert(all.end(), policy.to.begin(), policy.to.end());
    return all;
}

bool has_room(std::span<const AccessPolicy> policies, std::span<const Destination> destinations) {
    std::size_t networks = 0, ports = 0;
    for (const Destination& to : destinations) {
        networks += 1 + to.except.size();
        ports += to.ports.size();
    }
    return policies.size() <= kMaxPolicies && destinations.size() <= kMaxDestinations &&
           networks <= kMaxNetworks && ports <= kMaxPortRanges;
}

template <class Matches>
Rules rules_that(std::span<const Destination> destinations, Matches matches) {
    Rules rules{};
    for (std::size_t i = 0; i < destinations.size(); ++i)
        if (matches(destinations[i])) rules[i / 64] |= std::uint64_t{1} << i % 64;
    return rules;
}

std::vector<RuleSet::Network> networks_of(std::span<const Destination> destinations) {
    const auto order = [](const Cidr& a, const Cidr& b) {
        return std::tie(a.bits, a.address) < std::tie(b.bits, b.address);
    };
    std::set<Cidr, decltype(order)> cidrs(order);
    for (const Destination& to : destinations) {
        cidrs.insert(to.cidr);
        cidrs.insert(to.except.begin(), to.except.end());
    }
    // All of IPv4 lies within ::/0 as the data path sees addresses, but not as people do.
    cidrs.insert({Address::v4({}), 96});
    std::vector<RuleSet::Network> networks;
    for (const Cidr& cidr : cidrs) {
        const auto contains = [&](const Cidr& other) { return other.contains(cidr); };
        networks.push_back({cidr, rules_that(destinations, [&](const Destination& to) {
                                return contains(to.cidr) && std::ranges::none_of(to.except, contains);
                            })});
    }
    return networks;
}

std::vector<RuleSet::PortSpan> spans_of(std::span<const Destination> destinations, Protocol protocol) {
    std::set<std::uint32_t> starts = {0};
    for (const Destination& to : destinations)
        for (const PortRange& range : to.ports) starts.insert({range.first, range.last + 1U});
    starts.erase(65536);
    std::vector<RuleSet::PortSpan> spans;
    for (const std::uint32_t start : starts) {
        const auto holds = [&](const PortRange& range) {
            return range.first <= start && start <= range.last;
        };
        spans.push_back(
            {static_cast<std::uint16_t>(start), rules_that(destinations, [&](const Destination& to) {
                 return (!to.protocol || *to.protocol == protocol) &&
                        (to.ports.empty() || std::ranges::any_of(to.ports, holds));
             })});
    }
    return spans;
}

}  // namespace

Result<RuleSet> make_rule_set(std::span<const AccessPolicy> policies) {
    const auto destinations = destinations_of(policies);
    if (!has_room(policies, destinations))
        return Error{ErrorCode::invalid_config,
                     "the policies hold more destinations, exceptions or ports than fit; `reseat validate` "
                     "shows where"};
    RuleSet set;
    if (policies.empty()) return set;
    set.networks = networks_of(destinations);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        set.ports[static_cast<std::size_t>(protocol)] = spans_of(destinations, protocol);
    for (std::size_t i = 0; i < policies.size(); ++i)
        set.verdicts.insert(set.verdicts.end(), policies[i].to.size(),
                            policies[i].action == PolicyAction::deny ? std::optional(i) : std::nullopt);
    return set;
}

}  // namespace reseat::lb
