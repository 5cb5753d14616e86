// SPDX-License-Identifier: Apache-2.0
#include "config/map_reader.hpp"
#include "config/read.hpp"
#include "config/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace reseat::config {
namespace {

using namespace std::chrono_literals;
using lb::SocketFate;

std::optional<std::optional<Duration>> spread(const Value& value) {
    if (value.node.kind == Node::Kind::scalar && value.node.text == "auto") return std::optional<Duration>{};
    const auto read = duration(value, 0s, 1h);
    return read ? std::optional(std::optional(*read)) : std::nullopt;
}

/// Labels of letters, digits, '-' and '_' (as in SRV names), the last one not a number as in 1.2.3.4.
bool is_dns_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    std::string_view label;
    while (true) {
        const auto dot = text.find('.');
        label = text.substr(0, dot);
        const bool good = std::ranges::all_of(
            label, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
        if (!good || label.empty() || label.size() > 63) return false;
        if (dot == std::string_view::npos || dot + 1 == text.size()) break;
        text = text.substr(dot + 1);
    }
    return !std::ranges::all_of(label, [](unsigned char c) { return std::isdigit(c); });
}

std::optional<std::string> srv_name(const Value& value) {
    auto text = line_of_text(value);
    if (!text || (text->front() == '_' && is_dns_name(*text))) return text;
    value.fail(
        fmt::format("{} is not the name of an SRV record; write it as _pg._tcp.internal", quote(*text)));
    return std::nullopt;
}

void read_backend_address(const Value& value, BackendBlock& into) {
    const std::string_view text = value.node.text;
    const auto colon = text.rfind(':');
    if (colon != std::string_view::npos && is_dns_name(text.substr(0, colon))) {
        // The port is judged by what judges all ports.
        if (parse_endpoint("0.0.0.0" + std::string(text.substr(colon).substr(0, 8)))) {
            into.dns = Located<std::string>{std::string(text), value.node.at};
            return;
        }
    }
    if (const auto read = endpoint(value)) into.endpoint = Located<Endpoint>{*read, value.node.at};
}

BackendBlock read_backend(const Node& node, Diagnostics& out) {
    BackendBlock backend;
    backend.at = node.at;
    if (node.kind == Node::Kind::scalar) {
        read_backend_address({node, "backends", out}, backend);
        return backend;
    }
    MapReader map(node, "a backend", out);
    map.block("address", [&](const Node& text) { read_backend_address({text, "address", out}, backend); });
    map.field("srv", backend.srv, srv_name);
    map.field("name", backend.name, name);
    map.field("weight", backend.weight, number(0U, 256U));
    map.field("priority", backend.priority, number(0U, 255U));
    map.field("state", backend.state, one_of(states));
    map.block("health_check", [&](const Node& check) {
        MapReader place(check, "health_check", out);
        place.field("address", backend.check_address, host_address);
        place.field("port", backend.check_port, number(0U, 65535U));
        place.field("server_name", backend.check_server_name, server_name);
        place.field("host", backend.check_host, http_host);
        place.finish();
    });
    map.finish();
    if (map.has("address") && map.has("srv"))
        out.error(node.at, "a backend has either 'address' or 'srv', not both; remove one");
    if (map.has("srv") && backend.weight)
        out.error(backend.weight->at, "weight: comes from each SRV record; remove the key");
    if (!map.has("address") && !map.has("srv") && node.kind != Node::Kind::sequence)
        out.error(node.at, "the backend has no 'address'; add one, as in 'address: 10.0.1.11:80'");
    return backend;
}

void read_backends(const Node& node, ServiceBlock& into, Diagnostics& out) {
    into.backends.clear();
    each_item({node, "backends", out}, [&](const Node& item) {
        if (into.backends.size() <= max_backends) into.backends.push_back(read_backend(item, out));
    });
    if (node.items.empty() && (node.kind == Node::Kind::sequence || node.kind == Node::Kind::null))
        out.error(node.at, "backends: is empty; a service needs at least one backend");
}

void read_addresses(const Node& node, ServiceBlock& into, Diagnostics& out) {
    into.addresses.clear();
    const auto add = [&](const Node& item) {
        if (const auto read = endpoint({item, "address", out})) into.addresses.push_back({*read, item.at});
    };
    if (node.kind != Node::Kind::sequence) return add(node);
    if (node.items.empty())
        out.error(node.at, "address: is an empty list; a service needs at least one address");
    if (node.items.size() > max_addresses)
        out.error(node.at, fmt::format("address: has {} items; at most {} are allowed", node.items.size(),
                                       max_addresses));
    else
        for (const auto& item : node.items) add(item);
}

void read_outlier_detection(const Node& node, OutlierDetectionBlock& into, Diagnostics& out) {
    MapReader map(node, "outlier_detection", out);
    map.field("enabled", into.enabled, boolean);
    map.field("consecutive_connect_failures", into.consecutive_connect_failures, number(1U, 1000U));
    map.field("interval", into.interval, duration_between(10ms, 24h));
    map.field("base_ejection_time", into.base_ejection_time, duration_between(10ms, 24h));
    map.field("max_ejection_time", into.max_ejection_time, duration_between(10ms, 24h));
    map.field("max_ejection_percent", into.max_ejection_percent, number(0U, 100U));
    map.finish();
}

void read_connections(const Node& node, ConnectionsBlock& into, Diagnostics& out) {
    MapReader map(node, "connections", out);
    map.field("on_unreachable", into.on_unreachable, one_of(fates));
    map.field("on_refused", into.on_refused, one_of(fates));
    map.field("on_check_failed", into.on_check_failed, one_of(fates));
    map.field("on_unresponsive", into.on_unresponsive, one_of(fates));
    map.field("on_ejected", into.on_ejected, one_of(fates));
    map.field("on_remove", into.on_remove, one_of(fates));
    map.field("on_drain", into.on_drain, one_of(fates));
    map.field("on_restarted", into.on_restarted, one_of(restart_fates));
    map.field("on_recover", into.on_recover, one_of(on_recovers));
    map.field("udp", into.udp, one_of(udp_fates));
    map.field("grace", into.grace, duration_between(0s, 24h));
    map.field("drain_timeout", into.drain_timeout, duration_between(0s, 168h));
    map.field("drain_quiet", into.drain_quiet, duration_between(0s, 24h));
    map.field("close_spread", into.close_spread, spread);
    map.field("only_if_alternative", into.only_if_alternative, boolean);
    map.field("untracked", into.untracked, one_of(untrackeds));
    map.finish();
}

void read_names(const Node& node, NamesBlock& into, Diagnostics& out) {
    MapReader map(node, "names", out);
    map.field("family", into.family, one_of(name_families));
    map.field("hold", into.hold, duration_between(0s, 24h));
    map.finish();
}

}  // namespace

void read_service(const Node& node, std::string_view place, ServiceBlock& into, Diagnostics& out) {
    MapReader map(node, place, out);
    map.field("name", into.name, name);
    map.field("protocol", into.protocol, one_of(protocols));
    map.block("address", [&](const Node& value) { read_addresses(value, into, out); });
    map.field("lb_policy", into.lb_policy, one_of(lb_policies));
    map.field("hash_key", into.hash_key, one_of(hash_keys));
    map.field("panic_threshold", into.panic_threshold, number(0U, 100U));
    map.field("on_no_healthy", into.on_no_healthy, one_of(on_no_healthys));
    map.field("slow_start", into.slow_start, duration_between(0s, 24h));
    map.block("health_check", [&](const Node& value) { read_health_check(value, into.health_check, out); });
    map.block("outlier_detection",
              [&](const Node& value) { read_outlier_detection(value, into.outlier_detection, out); });
    map.block("connections", [&](const Node& value) { read_connections(value, into.connections, out); });
    map.block("names", [&](const Node& value) { read_names(value, into.names, out); });
    map.block("backends", [&](const Node& value) { read_backends(value, into, out); });
    map.finish();
}

}  // namespace reseat::config
