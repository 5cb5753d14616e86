// SPDX-License-Identifier: Apache-2.0
#include "config/map_reader.hpp"
#include "config/read.hpp"
#include "config/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace reseat::config {
namespace {

/// The address with nothing set beyond `bits`.
Address network(Address address, unsigned bits) {
    for (unsigned i = 0; i < 16; ++i) {
        const unsigned kept = bits > i * 8 ? std::min(8U, bits - i * 8) : 0;
        address.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
    }
    return address;
}

std::optional<lb::Cidr> cidr(const Value& value) {
    const std::string_view text = value.node.text;
    const auto slash = text.find('/');
    const auto length = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    const auto address = parse_address(text.substr(0, std::min<std::size_t>(slash, 64)));
    unsigned bits = 0;
    const auto [end, fault] = std::from_chars(length.data(), length.data() + length.size(), bits);
    const unsigned most = address && address->family() == Family::v4 ? 32 : 128;
    if (!address || fault != std::errc{} || end != length.data() + length.size() || bits > most) {
        value.expected("a range of addresses such as 10.0.0.0/8 or fd00::/8");
        return std::nullopt;
    }
    const lb::Cidr range{*address, bits + 128 - most};
    const Address start = network(range.address, range.bits);
    if (start == range.address) return range;
    value.fail(
        fmt::format("{} has bits set beyond its length; write {}/{}", quote(text), to_string(start), bits));
    return std::nullopt;
}

std::optional<std::uint16_t> port(std::string_view text) {
    unsigned port = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool good = fault == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
    return good ? std::optional(static_cast<std::uint16_t>(port)) : std::nullopt;
}

std::vector<lb::PortRange> read_ports(const Value& value) {
    std::vector<lb::PortRange> ports;
    each_item(value, [&](const Node& item) {
        const std::string_view text = item.text;
        const auto dash = text.find('-');
        const auto first = port(text.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : port(text.substr(dash + 1));
        if (first && last && *first <= *last)
            ports.push_back({*first, *last});
        else
            value.with(item).expected("a port from 1 to 65535 or a range such as 8000-8100");
    });
    return ports;
}

std::vector<lb::Cidr> read_exceptions(const Value& value, const Written<lb::Cidr>& range) {
    std::vector<lb::Cidr> exceptions;
    each_item(value, [&](const Node& item) {
        const auto hole = cidr(value.with(item));
        if (!hole) return;
        exceptions.push_back(*hole);
        if (range && !range->value.contains(*hole))
            value.out.error(item.at, fmt::format("except: {} is not within the 'cidr'", quote(item.text)));
    });
    return exceptions;
}

lb::Destination read_destination(const Node& node, Diagnostics& out) {
    lb::Destination destination;
    MapReader map(node, "a destination", out);
    Written<lb::Cidr> range;
    Written<ServiceProtocol> protocol;
    map.field("cidr", range, cidr);
    const auto read_except = [&](const Node& list) {
        destination.except = read_exceptions({list, "except", out}, range);
    };
    map.block("except", read_except);
    map.field("protocol", protocol, one_of(protocols));
    map.block("ports", [&](const Node& list) { destination.ports = read_ports({list, "ports", out}); });
    map.finish();
    if (!map.has("cidr"))
        out.error(node.at, "the destination has no 'cidr'; add one, as in 'cidr: 10.0.0.0/8'");
    if (range) destination.cidr = range->value;
    if (protocol && protocol->value != ServiceProtocol::any)
        destination.protocol = protocol->value == ServiceProtocol::tcp ? Protocol::tcp : Protocol::udp;
    return destination;
}

PolicyBlock read_policy(const Node& node, Diagnostics& out) {
    PolicyBlock policy{.at = node.at};
    MapReader map(node, "a policy", out);
    map.field("name", policy.name, name);
    map.field("action", policy.action, one_of(actions));
    map.block("to", [&](const Node& list) {
        const auto add_destination = [&](const Node& item) {
            policy.to.push_back({read_destination(item, out), item.at});
        };
        each_item({list, "to", out}, add_destination);
        if (list.kind != Node::Kind::scalar && list.items.empty())
            out.error(list.at, "to: is empty; write at least one destination, as in '- cidr: 10.0.0.0/8'");
    });
    map.field("existing", policy.existing, one_of(existings));
    map.finish();
    if (node.kind == Node::Kind::map || node.kind == Node::Kind::null)
        for (const std::string_view key : {"name", "action", "to"})
            if (!map.has(key)) out.error(node.at, fmt::format("the policy has no '{}'; add it", key));
    return policy;
}

void check_names(const std::vector<PolicyBlock>& policies, Diagnostics& out) {
    std::unordered_map<std::string, unsigned> names;
    for (const auto& policy : policies) {
        if (!policy.name) continue;
        const auto [first, is_new] = names.emplace(policy.name->value, policy.name->at.line);
        if (!is_new)
            out.error(policy.name->at,
                      fmt::format("name: a policy {} is already on line {}; names must differ",
                                  quote(policy.name->value), first->second));
    }
}

/// Tells of the first destination with which there is no room any more, once for each kind of room.
void check_room(const std::vector<PolicyBlock>& policies, Diagnostics& out) {
    std::size_t destinations = 0, networks = 0, ports = 0;
    const auto add = [&](std::size_t& sum, std::size_t more, std::size_t most, Position at,
                         std::string_view what) {
        const bool fitted = sum <= most;
        sum += more;
        if (fitted && sum > most)
            out.error(at,
                      fmt::format("policies: with this there are more than {} {}; write fewer, larger ones",
                                  most, what));
    };
    for (const auto& policy : policies)
        for (const auto& [to, at] : policy.to) {
            add(destinations, 1, lb::kMaxDestinations, at, "destinations in all policies together");
            add(networks, 1 + to.except.size(), lb::kMaxNetworks, at, "networks in all policies together");
            add(ports, to.ports.size(), lb::kMaxPortRanges, at, "port ranges in all policies together");
        }
}

}  // namespace

std::vector<PolicyBlock> read_policies(const Node& node, Diagnostics& out) {
    std::vector<PolicyBlock> policies;
    each_item({node, "policies", out}, [&](const Node& item) { policies.push_back(read_policy(item, out)); });
    if (policies.size() > lb::kMaxPolicies)
        out.error(policies[lb::kMaxPolicies].at, fmt::format("policies: there are {}; at most {} are allowed",
                                                             policies.size(), lb::kMaxPolicies));
    check_names(policies, out);
    check_room(policies, out);
    return policies;
}

}  // namespace reseat::config
