// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace reseat::config {
namespace {

/// Each port of `range` is in one of `ranges`; an empty `ranges` means all ports.
bool within(lb::PortRange range, std::vector<lb::PortRange> ranges) {
    if (ranges.empty()) return true;
    std::ranges::sort(ranges, {}, &lb::PortRange::first);
    unsigned next = range.first;
    for (const auto& other : ranges)
        if (other.first <= next && next <= other.last) next = other.last + 1U;
    return next > range.last;
}

/// Whatever matches `b` matches `a`.
bool covers(const lb::Destination& a, const lb::Destination& b) {
    if (!a.cidr.contains(b.cidr)) return false;
    if (a.protocol && a.protocol != b.protocol) return false;
    if (b.ports.empty() && !a.ports.empty()) return false;
    if (!std::ranges::all_of(b.ports, [&](const auto& range) { return within(range, a.ports); }))
        return false;
    return std::ranges::all_of(a.except, [&](const lb::Cidr& hole) {
        const bool apart = !hole.contains(b.cidr) && !b.cidr.contains(hole);
        return apart ||
               std::ranges::any_of(b.except, [&](const lb::Cidr& other) { return other.contains(hole); });
    });
}

/// The first of `earlier` that covers it.
const PolicyBlock* covered_by(std::span<const PolicyBlock> earlier, const lb::Destination& destination) {
    const auto found = std::ranges::find_if(earlier, [&](const PolicyBlock& policy) {
        return std::ranges::any_of(policy.policy.to, [&](const auto& to) { return covers(to, destination); });
    });
    return found == earlier.end() ? nullptr : &*found;
}

void warn_of_order(const std::vector<PolicyBlock>& policies, Diagnostics& out) {
    for (std::size_t i = 0; i < policies.size(); ++i) {
        const auto& [at, policy, destinations_at, places] = policies[i];
        for (std::size_t j = 0; j < policy.to.size(); ++j)
            if (const PolicyBlock* first = covered_by(std::span(policies).first(i), policy.to[j]))
                out.warning(destinations_at[j],
                            fmt::format("to: this destination has no effect, as the policy {} on line {} "
                                        "matches all of it first; move this policy before that one",
                                        quote(first->policy.name), first->places.find("name")->line));
        if (const auto existing = places.find("existing");
            existing && policy.action == lb::PolicyAction::allow)
            out.warning(*existing,
                        "existing: has no effect in a policy that allows; write it where a policy denies");
    }
}

Position position_of(const ConfigFile& file, const lb::AccessPolicy& policy) {
    const auto found = std::ranges::find_if(
        file.policies, [&](const PolicyBlock& block) { return block.policy.name == policy.name; });
    return *found->places.find("name");
}

void warn_of_service(const ConfigFile& file, const lb::Service& service,
                     const std::vector<lb::AccessPolicy>& policies, Diagnostics& out) {
    for (const auto& address : service.addresses)
        if (const auto* policy = denied_by(policies, address, service.protocol))
            out.warning(position_of(file, *policy),
                        fmt::format("policies: {} denies {} over {}, the address of the service {}, which "
                                    "becomes unreachable; allow it in an earlier policy",
                                    quote(policy->name), to_string(address), to_string(service.protocol),
                                    quote(service.name)));
    if (!service.named_backends.empty() || !service.sourced_backends.empty())
        return;  // their addresses are not known here
    const lb::AccessPolicy* denial = nullptr;
    for (const auto& backend : service.backends) {
        denial = denied_by(policies, backend.endpoint, service.protocol);
        if (!denial) return;
    }
    if (denial)
        out.warning(position_of(file, *denial),
                    fmt::format("policies: with {} every backend of the service {} is denied over {}, so the "
                                "service is unreachable; allow them in an earlier policy",
                                quote(denial->name), quote(service.name), to_string(service.protocol)));
}

}  // namespace

void warn_of_policies(const ConfigFile& file, Diagnostics& out) {
    warn_of_order(file.policies, out);
    const auto policies = compile_policies(file);
    if (policies.empty()) return;
    for (const auto& block : file.services)
        for (const auto& service : compile_service(block)) warn_of_service(file, service, policies, out);
}

}  // namespace reseat::config
