// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "base/enum_words.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// What the workload may connect to and send to. The data path decides by these rules for each connect;
/// here they are for everything that is decided in user space.
namespace reseat::lb {

/// What all policies together may hold: as much as the data path has room for.
inline constexpr std::size_t kMaxDestinations = 256;
inline constexpr std::size_t kMaxPortRanges = 255;
inline constexpr std::size_t kMaxNetworks = 1024;  ///< destinations and their exceptions
inline constexpr std::size_t kMaxPolicies = 128;

/// A range of addresses of one family; `bits` counts from the start of the 16 bytes, 96 more than written
/// for IPv4. ::/0 has bits 0 and does not contain IPv4.
struct Cidr {
    Address address;
    unsigned bits = 0;

    bool contains(const Address& address) const;
    bool contains(const Cidr& other) const;
    bool operator==(const Cidr&) const = default;
};

struct PortRange {
    std::uint16_t first = 0, last = 0;  ///< inclusive
    bool operator==(const PortRange&) const = default;
};

struct Destination {
    Cidr cidr;
    std::vector<Cidr> except;          ///< within `cidr`
    std::optional<Protocol> protocol;  ///< nothing: both
    std::vector<PortRange> ports;      ///< empty: all
    bool operator==(const Destination&) const = default;
};

BOOST_DEFINE_ENUM_CLASS(PolicyAction, deny, allow)
BOOST_DEFINE_ENUM_CLASS(ExistingSockets, terminate, keep)

struct AccessPolicy {
    std::string name;  ///< unique
    PolicyAction action = PolicyAction::deny;
    std::vector<Destination> to;  ///< matches if one of them does
    ExistingSockets existing = ExistingSockets::terminate;
    bool operator==(const AccessPolicy&) const = default;
};

/// The address that the kernel takes it for: a connect to 0.0.0.0 or :: gets the loopback address.
Address judged_as(const Address& address);

/// The policy that denies connecting to this endpoint; null: none does. The first that matches decides.
const AccessPolicy* denied_by(std::span<const AccessPolicy> policies, const Endpoint& to, Protocol protocol);
/// The same for sockets without ports (raw ones): destinations that name a protocol or ports do not match.
const AccessPolicy* denied_by(std::span<const AccessPolicy> policies, const Address& to);

}  // namespace reseat::lb
