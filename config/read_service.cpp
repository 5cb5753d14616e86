// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"
#include "config/options.hpp"
#include "config/read.hpp"
#include "config/read_source.hpp"

#include <boost/json.hpp>
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

boost::json::value spread_json(const std::optional<Duration>& spread) {
    return spread ? shown(*spread) : "auto";
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
        if (const auto read = parse_endpoint("0.0.0.0" + std::string(text.substr(colon).substr(0, 8)))) {
            into.backend =
                lb::NamedBackends{.dns_name = std::string(text.substr(0, colon)), .port = read->port};
            into.places.add("address", value.node.at);
        }
    }
    if (into.named()) return;
    if (const auto read = endpoint(value)) {
        into.backend = lb::Backend{.endpoint = *read};
        into.places.add("address", value.node.at);
    }
}

bool is_srv(const lb::Backend&) {
    return false;
}
bool is_srv(const lb::NamedBackends& named) {
    return named.type == lb::RecordType::srv;
}
bool is_srv(const lb::SourcedBackends&) {
    return false;
}

}  // namespace

template <class Backend>
const Options<Backend>& backend_options() {
    using lb::BackendCheck;
    const auto text = [](std::string_view key, std::string BackendCheck::*field, auto read) {
        return option(key, field, read).shown_if([field](const BackendCheck& check) {
            return !(check.*field).empty();
        });
    };
    static const Options<Backend> options = {
        // A name that follows from the address need not be one that could be written.
        option("name", &Backend::name, name).shown_if([](const Backend& backend) {
            return backend.name != usual_name(backend);
        }),
        option("weight", &Backend::weight, number(0U, 256U)).shown_if([](const Backend& backend) {
            return !is_srv(backend);
        }),
        option("priority", &Backend::priority, 0, 255),
        option("state", &Backend::state),
        block("health_check", &Backend::check,
              {option("address", &BackendCheck::address, host_address),
               option("port", &BackendCheck::port, 0, 65535),
               text("server_name", &BackendCheck::server_name, server_name),
               text("host", &BackendCheck::host, http_host)})
            .shown_if([](const Backend& backend) { return backend.check != BackendCheck{}; }),
    };
    return options;
}

template const Options<lb::Backend>& backend_options();
template const Options<lb::NamedBackends>& backend_options();
template const Options<lb::SourcedBackends>& backend_options();

namespace {

BackendBlock read_backend(const Node& node, Diagnostics& out) {
    BackendBlock backend;
    backend.at = node.at;
    if (node.kind == Node::Kind::scalar) {
        read_backend_address({node, "backends", out}, backend);
        return backend;
    }
    MapReader map(node, "a backend", backend.places, out);
    map.block("address", [&](const Value& text) { read_backend_address(text, backend); });
    std::string srv;
    map.field("srv", srv, srv_name);
    if (!srv.empty()) backend.backend = lb::NamedBackends{.dns_name = srv, .type = lb::RecordType::srv};
    if (auto ref = read_source(map, node, backend.places, out))
        backend.backend = lb::SourcedBackends{.ref = std::move(*ref)};
    const auto read = [&]<class Backend>(Backend& into) {
        read_options(map, backend_options<Backend>(), into);
    };
    std::visit(read, backend.backend);
    map.finish();
    if (map.has("address") && map.has("srv"))
        out.error(node.at, "a backend has either 'address' or 'srv', not both; remove one");
    if (const auto weight = backend.places.find("weight"); weight && map.has("srv"))
        out.error(*weight, "weight: comes from each SRV record; remove the key");
    if (!map.has("address") && !map.has("srv") && !has_source(map) && node.kind != Node::Kind::sequence)
        out.error(node.at, "the backend has no 'address'; add one, as in 'address: 10.0.1.11:80'");
    return backend;
}

void read_backends(const Value& list, ServiceBlock& into) {
    into.backends.clear();
    each_item(list, [&](const Node& item) {
        if (into.backends.size() <= max_backends) into.backends.push_back(read_backend(item, list.out));
    });
    const Node& node = list.node;
    if (node.items.empty() && (node.kind == Node::Kind::sequence || node.kind == Node::Kind::null))
        list.fail("is empty; a service needs at least one backend");
}

void read_addresses(const Value& list, ServiceBlock& into) {
    into.addresses.clear();
    const auto add = [&](const Node& item) {
        if (const auto read = endpoint(list.with(item))) into.addresses.push_back({*read, item.at});
    };
    const Node& node = list.node;
    if (node.kind != Node::Kind::sequence) return add(node);
    if (node.items.empty()) list.fail("is an empty list; a service needs at least one address");
    if (node.items.size() > max_addresses)
        list.fail(fmt::format("has {} items; at most {} are allowed", node.items.size(), max_addresses));
    else
        for (const auto& item : node.items) add(item);
}

Options<lb::OutlierDetection> outlier_detection_options() {
    using lb::OutlierDetection;
    return {
        option("enabled", &OutlierDetection::enabled),
        option("consecutive_connect_failures", &OutlierDetection::consecutive_connect_failures, 1, 1000),
        option("interval", &OutlierDetection::interval, 10ms, 24h),
        option("base_ejection_time", &OutlierDetection::base_ejection_time, 10ms, 24h),
        option("max_ejection_time", &OutlierDetection::max_ejection_time, 10ms, 24h),
        option("max_ejection_percent", &OutlierDetection::max_ejection_percent, 0, 100),
    };
}

Options<lb::Connections> connections_options() {
    using lb::Connections;
    return {
        option("on_unreachable", &Connections::on_unreachable),
        option("on_refused", &Connections::on_refused),
        option("on_check_failed", &Connections::on_check_failed),
        option("on_unresponsive", &Connections::on_unresponsive),
        option("on_ejected", &Connections::on_ejected),
        option("on_remove", &Connections::on_remove),
        option("on_drain", &Connections::on_drain),
        option("on_leaving", &Connections::on_leaving),
        option("on_unready", &Connections::on_unready),
        option("on_restarted", &Connections::on_restarted,
               one_of(std::array{SocketFate::keep, SocketFate::terminate})),
        option("on_recover", &Connections::on_recover),
        option("udp", &Connections::udp),
        option("grace", &Connections::grace, 0s, 24h),
        option("drain_timeout", &Connections::drain_timeout, 0s, 168h),
        option("drain_quiet", &Connections::drain_quiet, 0s, 24h),
        option("close_spread", &Connections::close_spread, spread, spread_json),
        option("only_if_alternative", &Connections::only_if_alternative),
        option("untracked", &Connections::untracked),
    };
}

Options<lb::NameSettings> names_options() {
    using lb::NameSettings;
    return {
        option("family", &NameSettings::family),
        option("hold", &NameSettings::hold, 0s, 24h),
    };
}

Options<lb::GuardSettings> guard_options() {
    using lb::GuardSettings;
    return {
        option("percent", &GuardSettings::percent, 0, 100),
        option("hold", &GuardSettings::hold, 0s, 24h),
    };
}

}  // namespace

const Options<lb::Service>& service_options() {
    using lb::Service;
    static const Options<Service> options = {
        option("lb_policy", &Service::lb_policy),
        option("hash_key", &Service::hash_key).shown_if([](const Service& service) {
            return service.lb_policy == lb::LbPolicy::maglev;
        }),
        option("panic_threshold", &Service::panic_threshold, 0, 100),
        option("on_no_healthy", &Service::on_no_healthy),
        option("slow_start", &Service::slow_start, 0s, 24h),
        block("health_check", &Service::health_check, health_check_options()),
        block("outlier_detection", &Service::outlier_detection, outlier_detection_options()),
        block("connections", &Service::connections, connections_options()),
        block("names", &Service::names, names_options()),
        option("until_known", &Service::until_known),
        block("guard", &Service::guard, guard_options()),
    };
    return options;
}

void read_service(const Node& node, std::string_view name_of_map, ServiceBlock& into, Diagnostics& out) {
    MapReader map(node, name_of_map, into.places, out);
    map.field("name", into.service.name, name);
    map.field("protocol", into.protocol, one_of<ServiceProtocol>());
    map.block("address", [&](const Value& value) { read_addresses(value, into); });
    read_options(map, service_options(), into.service);
    map.block("backends", [&](const Value& value) { read_backends(value, into); });
    map.finish();
}

}  // namespace reseat::config
