// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace reseat {

enum class Protocol : std::uint8_t { tcp, udp };
enum class Family : std::uint8_t { v4, v6 };

std::string_view to_string(Protocol protocol);
std::string_view to_string(Family family);

/// An IP address as 16 bytes, IPv4 as v4-mapped (::ffff:a.b.c.d): one type, one key and one path for both.
struct Address {
    std::array<std::uint8_t, 16> bytes{};

    static Address v4(std::array<std::uint8_t, 4> octets);

    /// v4 for v4-mapped addresses, whichever way they were written.
    Family family() const;
    bool is_loopback() const;
    bool is_unspecified() const;  ///< 0.0.0.0 or ::
    bool is_multicast() const;

    auto operator<=>(const Address&) const = default;
};

/// Parses "1.2.3.4" or "fd00::1" (no brackets, no zone). Error: says what was wrong with the text.
Result<Address> parse_address(std::string_view text);
/// "1.2.3.4" or "fd00::1".
std::string to_string(const Address& address);

/// An address and a port in host byte order.
struct Endpoint {
    Address address;
    std::uint16_t port = 0;

    auto operator<=>(const Endpoint&) const = default;
};

/// Parses "1.2.3.4:80" or "[fd00::1]:80"; port 1-65535. Error: says what was wrong with the text.
Result<Endpoint> parse_endpoint(std::string_view text);
/// "1.2.3.4:80" or "[fd00::1]:80".
std::string to_string(const Endpoint& endpoint);

}  // namespace reseat
