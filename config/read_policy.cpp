// SPDX-License-Identifier: Apache-2.0
#include "config/map_reader.hpp"
#include "config/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

/// Policies are read in full so that a file written for a later version is judged the same way then;
/// nothing acts on them yet, so only their number is kept.
namespace reseat::config {
namespace {

constexpr Word<lb::PolicyAction> actions[] = {{"deny", lb::PolicyAction::deny},
                                              {"allow", lb::PolicyAction::allow}};
constexpr Word<ServiceProtocol> protocols[] = {
    {"tcp", ServiceProtocol::tcp}, {"udp", ServiceProtocol::udp}, {"any", ServiceProtocol::any}};
constexpr Word<lb::ExistingSockets> existings[] = {{"terminate", lb::ExistingSockets::terminate},
                                                   {"keep", lb::ExistingSockets::keep}};

/// A range of addresses; `bits` counts from the start of the 16 bytes, 96 more than written for IPv4.
struct Cidr {
    lb::Address address;
    unsigned bits = 0;

    lb::Address network() const {
        lb::Address masked = address;
        for (unsigned i = 0; i < 16; ++i) {
            const unsigned kept = bits > i * 8 ? std::min(8U, bits - i * 8) : 0;
            masked.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
        }
        return masked;
    }

    bool contains(const Cidr& other) const {
        return bits <= other.bits && Cidr{other.address, bits}.network() == network();
    }
};

std::optional<Cidr> cidr(const Value& value) {
    const std::string_view text = value.node.text;
    const auto slash = text.find('/');
    const auto length = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
    const auto address = lb::parse_address(text.substr(0, std::min<std::size_t>(slash, 64)));
    unsigned bits = 0;
    const auto [end, fault] = std::from_chars(length.data(), length.data() + length.size(), bits);
    const unsigned most = address && address->family() == lb::Family::v4 ? 32 : 128;
    if (!address || fault != std::errc{} || end != length.data() + length.size() || bits > most) {
        value.expected("a range of addresses such as 10.0.0.0/8 or fd00::/8");
        return std::nullopt;
    }
    const Cidr range{*address, bits + 128 - most};
    if (range.network() == range.address) return range;
    value.fail(fmt::format("{} has bits set beyond its length; write {}/{}", quote(text),
                           to_string(range.network()), bits));
    return std::nullopt;
}

std::optional<unsigned> port(std::string_view text) {
    unsigned port = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool good = fault == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
    return good ? std::optional(port) : std::nullopt;
}

void read_ports(const Value& value) {
    each_item(value, [&](const Node& item) {
        const std::string_view text = item.text;
        const auto dash = text.find('-');
        const auto first = port(text.substr(0, dash));
        const auto last = dash == std::string_view::npos ? first : port(text.substr(dash + 1));
        if (!first || !last || *first > *last)
            value.with(item).expected("a port from 1 to 65535 or a range such as 8000-8100");
    });
}

void read_destination(const Node& node, Diagnostics& out) {
    MapReader map(node, "a destination", out);
    Written<Cidr> range;
    Written<ServiceProtocol> protocol;
    map.field("cidr", range, cidr);
    map.block("except", [&](const Node& list) {
        each_item({list, "except", out}, [&](const Node& item) {
            const auto hole = cidr({item, "except", out});
            if (hole && range && !range->value.contains(*hole))
                out.error(item.at, fmt::format("except: {} is not within the 'cidr'", quote(item.text)));
        });
    });
    map.field("protocol", protocol, one_of(protocols));
    map.block("ports", [&](const Node& list) { read_ports({list, "ports", out}); });
    map.finish();
    if (!map.has("cidr"))
        out.error(node.at, "the destination has no 'cidr'; add one, as in 'cidr: 10.0.0.0/8'");
}

void read_policy(const Node& node, std::unordered_map<std::string, unsigned>& names, Diagnostics& out) {
    Written<std::string> policy_name;
    Written<lb::PolicyAction> action;
    Written<lb::ExistingSockets> existing;
    MapReader map(node, "a policy", out);
    map.field("name", policy_name, name);
    map.field("action", action, one_of(actions));
    map.block("to", [&](const Node& list) {
        each_item({list, "to", out}, [&](const Node& item) { read_destination(item, out); });
        if (list.kind != Node::Kind::scalar && list.items.empty())
            out.error(list.at, "to: is empty; write at least one destination, as in '- cidr: 10.0.0.0/8'");
    });
    map.field("existing", existing, one_of(existings));
    map.finish();
    if (node.kind != Node::Kind::map && node.kind != Node::Kind::null) return;
    for (const std::string_view key : {"name", "action", "to"})
        if (!map.has(key)) out.error(node.at, fmt::format("the policy has no '{}'; add it", key));
    if (!policy_name) return;
    const auto [first, is_new] = names.emplace(policy_name->value, policy_name->at.line);
    if (!is_new)
        out.error(policy_name->at, fmt::format("name: a policy {} is already on line {}; names must differ",
                                               quote(policy_name->value), first->second));
}

}  // namespace

std::size_t read_policies(const Node& node, Diagnostics& out) {
    std::unordered_map<std::string, unsigned> names;
    each_item({node, "policies", out}, [&](const Node& item) { read_policy(item, names, out); });
    return node.kind == Node::Kind::sequence ? node.items.size() : 0;
}

}  // namespace reseat::config
