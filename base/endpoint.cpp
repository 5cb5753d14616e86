// SPDX-License-Identifier: Apache-2.0
#include "base/endpoint.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace reseat {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Error bad(std::string_view text, std::string_view why) {
    return {ErrorCode::invalid_config, "'" + std::string(text) + "' " + std::string(why)};
}

}  // namespace

std::string_view to_string(Protocol protocol) {
    return protocol == Protocol::tcp ? "tcp" : "udp";
}
std::string_view to_string(Family family) {
    return family == Family::v4 ? "IPv4" : "IPv6";
}

Address Address::v4(std::array<std::uint8_t, 4> octets) {
    Address address;
    std::ranges::copy(kMappedPrefix, address.bytes.begin());
    std::ranges::copy(octets, address.bytes.begin() + 12);
    return address;
}

Family Address::family() const {
    return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin()) ? Family::v4 : Family::v6;
}

bool Address::is_loopback() const {
    if (family() == Family::v4) return bytes[12] == 127;
    return std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) && bytes[15] == 1;
}

bool Address::is_unspecified() const {
    const auto from = family() == Family::v4 ? bytes.begin() + 12 : bytes.begin();
    return std::all_of(from, bytes.end(), [](auto b) { return b == 0; });
}

bool Address::is_multicast() const {
    return family() == Family::v4 ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff;
}

Result<Address> parse_address(std::string_view text) {
    const std::string terminated(text);
    std::array<std::uint8_t, 4> octets;
    if (inet_pton(AF_INET, terminated.c_str(), octets.data()) == 1) return Address::v4(octets);
    Address address;
    if (terminated.size() == text.size() &&
        inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1)
        return address;
    return bad(text, "is not an IP address");
}

std::string to_string(const Address& address) {
    std::array<char, INET6_ADDRSTRLEN> text;
    if (address.family() == Family::v4)
        inet_ntop(AF_INET, address.bytes.data() + 12, text.data(), text.size());
    else
        inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
    return text.data();
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == text.size() || text.back() == ']')
        return bad(text, "has no port; write 1.2.3.4:80 or [fd00::1]:80");
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    std::uint32_t port = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (fault != std::errc{} || end != digits.data() + digits.size() || port < 1 || port > 65535)
        return bad(text, "has no port between 1 and 65535");
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (!bracketed && host.find(':') != std::string_view::npos)
        return bad(text, "is ambiguous; write an IPv6 address in brackets, as in [fd00::1]:80");
    auto address = parse_address(host);
    if (!address) return bad(text, "does not start with an IP address");
    return Endpoint{*address, static_cast<std::uint16_t>(port)};
}

std::string to_string(const Endpoint& endpoint) {
    const std::string host = to_string(endpoint.address);
    const std::string port = std::to_string(endpoint.port);
    return endpoint.address.family() == Family::v4 ? host + ":" + port : "[" + host + "]:" + port;
}

}  // namespace reseat
