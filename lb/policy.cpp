// SPDX-License-Identifier: Apache-2.0
#include "lb/policy.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

bool covers(const Destination& destination, const Address& to) {
    const auto contains = [&](const Cidr& cidr) { return cidr.contains(to); };
    return contains(destination.cidr) && std::ranges::none_of(destination.except, contains);
}

bool matches(const Destination& destination, const Endpoint& to, Protocol protocol) {
    if (destination.protocol && *destination.protocol != protocol) return false;
    const auto holds = [&](const PortRange& range) {
        return range.first <= to.port && to.port <= range.last;
    };
    if (!destination.ports.empty() && std::ranges::none_of(destination.ports, holds)) return false;
    return covers(destination, to.address);
}

template <class Matches>
const AccessPolicy* first_denial(std::span<const AccessPolicy> policies, Matches matches) {
    for (const AccessPolicy& policy : policies)
        if (std::ranges::any_of(policy.to, matches))
            return policy.action == PolicyAction::deny ? &policy : nullptr;
    return nullptr;
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

bool Cidr::contains(const Cidr& other) const {
    return bits <= other.bits && contains(other.address);
}

Address judged_as(const Address& address) {
    if (!address.is_unspecified()) return address;
    if (address.family() == Family::v4) return Address::v4({127, 0, 0, 1});
    Address loopback;
    loopback.bytes.back() = 1;
    return loopback;
}

const AccessPolicy* denied_by(std::span<const AccessPolicy> policies, const Endpoint& to, Protocol protocol) {
    const Endpoint judged{judged_as(to.address), to.port};
    return first_denial(policies, [&](const Destination& one) { return matches(one, judged, protocol); });
}

const AccessPolicy* denied_by(std::span<const AccessPolicy> policies, const Address& to) {
    const Address judged = judged_as(to);
    return first_denial(policies, [&](const Destination& one) {
        return !one.protocol && one.ports.empty() && covers(one, judged);
    });
}

}  // namespace reseat::lb
