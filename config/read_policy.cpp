// SPDX-License-Identifier: Apache-2.0
#include "config/config_json.hpp"
#include "config/map_reader.hpp"
#include "config/read.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace reseat::config {
namespace {

namespace json = boost::json;

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

std::vector<lb::Cidr> read_exceptions(const Value& value, const std::optional<lb::Cidr>& range) {
    std::vector<lb::Cidr> exceptions;
    each_item(value, [&](const Node& item) {
        const auto hole = cidr(value.with(item));
        if (!hole) return;
        exceptions.push_back(*hole);
        if (range && !range->contains(*hole))
            value.out.error(item.at, fmt::format("except: {} is not within the 'cidr'", quote(item.text)));
    });
    return exceptions;
}

lb::Destination read_destination(const Node& node, Diagnostics& out) {
    lb::Destination destination;
    Places places;
    MapReader map(node, "a destination", places, out);
    std::optional<lb::Cidr> range;
    auto protocol = ServiceProtocol::any;
    map.field("cidr", range, cidr);
    map.block("except", [&](const Value& list) { destination.except = read_exceptions(list, range); });
    map.field("protocol", protocol, one_of<ServiceProtocol>());
    map.block("ports", [&](const Value& list) { destination.ports = read_ports(list); });
    map.finish();
    if (!map.has("cidr"))
        out.error(node.at, "the destination has no 'cidr'; add one, as in 'cidr: 10.0.0.0/8'");
    if (range) destination.cidr = *range;
    if (protocol != ServiceProtocol::any)
        destination.protocol = protocol == ServiceProtocol::tcp ? Protocol::tcp : Protocol::udp;
    return destination;
}

PolicyBlock read_policy(const Node& node, Diagnostics& out) {
    PolicyBlock block{.at = node.at};
    MapReader map(node, "a policy", block.places, out);
    lb::AccessPolicy& policy = block.policy;
    map.field("name", policy.name, name);
    map.field("action", policy.action, one_of<lb::PolicyAction>());
    map.block("to", [&](const Value& list) {
        each_item(list, [&](const Node& item) {
            policy.to.push_back(read_destination(item, out));
            block.destinations_at.push_back(item.at);
        });
        if (list.node.kind != Node::Kind::scalar && list.node.items.empty())
            list.fail("is empty; write at least one destination, as in '- cidr: 10.0.0.0/8'");
    });
    map.field("existing", policy.existing, one_of<lb::ExistingSockets>());
    map.finish();
    if (node.kind == Node::Kind::map || node.kind == Node::Kind::null)
        for (const std::string_view key : {"name", "action", "to"})
            if (!map.has(key)) out.error(node.at, fmt::format("the policy has no '{}'; add it", key));
    return block;
}

void check_names(const std::vector<PolicyBlock>& policies, Diagnostics& out) {
    std::unordered_map<std::string, unsigned> names;
    for (const auto& [at, policy, destinations_at, places] : policies) {
        const auto name_at = places.find("name");
        if (!name_at) continue;
        const auto [first, is_new] = names.emplace(policy.name, name_at->line);
        if (!is_new)
            out.error(*name_at, fmt::format("name: a policy {} is already on line {}; names must differ",
                                            quote(policy.name), first->second));
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
    for (const auto& block : policies)
        for (std::size_t i = 0; i < block.policy.to.size(); ++i) {
            const lb::Destination& to = block.policy.to[i];
            const Position at = block.destinations_at[i];
            add(destinations, 1, lb::kMaxDestinations, at, "destinations in all policies together");
            add(networks, 1 + to.except.size(), lb::kMaxNetworks, at, "networks in all policies together");
            add(ports, to.ports.size(), lb::kMaxPortRanges, at, "port ranges in all policies together");
        }
}

std::string text(const lb::Cidr& cidr) {
    const bool v4 = cidr.address.family() == Family::v4 && cidr.bits >= 96;
    return fmt::format("{}/{}", to_string(cidr.address), v4 ? cidr.bits - 96 : cidr.bits);
}

json::object destination_json(const lb::Destination& destination) {
    json::array except, ports;
    for (const auto& cidr : destination.except) except.emplace_back(text(cidr));
    for (const auto& [first, last] : destination.ports) ports.emplace_back(fmt::format("{}-{}", first, last));
    return {{"cidr", text(destination.cidr)},
            {"except", std::move(except)},
            {"protocol", destination.protocol ? to_string(*destination.protocol) : "any"},
            {"ports", std::move(ports)}};
}

}  // namespace

std::vector<PolicyBlock> read_policies(const Value& list) {
    std::vector<PolicyBlock> policies;
    each_item(list, [&](const Node& item) { policies.push_back(read_policy(item, list.out)); });
    if (policies.size() > lb::kMaxPolicies)
        list.out.error(
            policies[lb::kMaxPolicies].at,
            fmt::format("policies: there are {}; at most {} are allowed", policies.size(), lb::kMaxPolicies));
    check_names(policies, list.out);
    check_room(policies, list.out);
    return policies;
}

json::object policy_json(const lb::AccessPolicy& policy) {
    json::array to;
    for (const auto& destination : policy.to) to.emplace_back(destination_json(destination));
    return {{"name", policy.name},
            {"action", word_of(policy.action)},
            {"to", std::move(to)},
            {"existing", word_of(policy.existing)}};
}

}  // namespace reseat::config
