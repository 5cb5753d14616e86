// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/assignment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace reseat::lb {
namespace {

/// FNV-1a: which ones are kept must not depend on what comes beside them.
std::uint64_t rank(const Endpoint& endpoint) {
    std::uint64_t hash = 14695981039346656037U;
    const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 1099511628211U; };
    for (const std::uint8_t byte : endpoint.address.bytes) add(byte);
    add(static_cast<std::uint8_t>(endpoint.port >> 8));
    add(static_cast<std::uint8_t>(endpoint.port));
    return hash;
}

bool is_link_local(const Address& address) {
    const auto& bytes = address.bytes;
    if (address.family() == Family::v4) return bytes[12] == 169 && bytes[13] == 254;
    return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

/// 255.255.255.255, and all of 0.0.0.0/8 and 240.0.0.0/4.
bool is_no_host(const Address& address) {
    if (address.is_unspecified()) return true;
    return address.family() == Family::v4 && (address.bytes[12] == 0 || address.bytes[12] >= 240);
}

}  // namespace

bool Assignment::serves_alike(const Assignment& other) const {
    return std::tie(known, endpoints, error, stale, left_out) ==
           std::tie(other.known, other.endpoints, other.error, other.stale, other.left_out);
}

void settle(Assignment& assignment) {
    auto& all = assignment.endpoints;
    const auto comes_before = [](const SourcedEndpoint& a, const SourcedEndpoint& b) {
        return std::tuple(a.endpoint, a.standing, a.incarnation.empty()) <
               std::tuple(b.endpoint, b.standing, b.incarnation.empty());
    };
    std::reverse(all.begin(), all.end());  // the later one first
    std::ranges::stable_sort(all, comes_before);
    const auto same = [](const SourcedEndpoint& a, const SourcedEndpoint& b) {
        return a.endpoint == b.endpoint;
    };
    all.erase(std::unique(all.begin(), all.end(), same), all.end());
    if (all.size() <= kMaxSourcedEndpoints) return;
    const std::size_t beyond = all.size() - kMaxSourcedEndpoints;
    std::ranges::nth_element(all, all.begin() + kMaxSourcedEndpoints, {},
                             [](const SourcedEndpoint& one) { return rank(one.endpoint); });
    all.resize(kMaxSourcedEndpoints);
    std::ranges::sort(all, {}, &SourcedEndpoint::endpoint);
    assignment.left_out += beyond;
    if (assignment.why_left_out.empty())
        assignment.why_left_out = fmt::format("there are more than {} endpoints", kMaxSourcedEndpoints);
}

std::string why_unusable(const Address& address, bool loopback) {
    if (is_no_host(address)) return "is not the address of a host";
    if (address.is_multicast()) return "is a multicast address";
    if (is_link_local(address)) return "is a link-local address";
    if (address.is_loopback() && !loopback) return "is a loopback address";
    return "";
}

}  // namespace reseat::lb
