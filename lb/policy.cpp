// SPDX-License-Identifier: Apache-2.0
#include "lb/policy.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

bool matches(const Destination& destination, const Endpoint& to, Protocol protocol) {
    if (destination.protocol && *destination.protocol != protocol) return false;
    const auto holds = [&](const PortRange& range) {
        return range.first <= to.port && to.port <= range.last;
    };
    if (!destination.ports.empty() && std::ranges::none_of(destination.ports, holds)) return false;
    const auto contains = [&](const Cidr& cidr) { return cidr.contains(to.address); };
    return contains(destination.cidr) && std::ranges::none_of(destination.except, contains);
}

}  // namespace

bool Cidr::contains(const Address& other) const {
    if (other.family() != address.family()) return false;
    const auto differ = [&](unsigned byte, unsigned mask) {
        return ((address.bytes[byte] ^ other.bytes[byte]) & mask) != 0;
    };
    for (unsigned byte = 0; byte < bits / 8; ++byte)
        if (differ(byte, 0xff)) return false;
    return bits % 8 == 0 || !differ(bits / 8, 0xff00u >> bits % 8);
}

const Policy* denied_by(std::span<const Policy> policies, const Endpoint& to, Protocol protocol) {
    for (const Policy& policy : policies)
        if (std::ranges::any_of(policy.to, [&](const auto& one) { return matches(one, to, protocol); }))
            return policy.action == PolicyAction::deny ? &policy : nullptr;
    return nullptr;
}

}  // namespace reseat::lb
