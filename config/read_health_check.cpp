// SPDX-License-Identifier: Apache-2.0
#include "config/map_reader.hpp"
#include "config/read.hpp"
#include "config/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace reseat::config {
namespace {

using namespace std::chrono_literals;
using lb::CheckType;

/// A token of RFC 9110, 5.6.2: what methods and header names consist of.
bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) || (c != 0 && std::strchr("!#$%&'*+-.^_`|~", c));
    });
}

std::optional<std::string> http_path(const Value& value) {
    auto path = line_of_text(value);
    if (!path || (path->front() == '/' && is_visible_ascii(*path))) return path;
    const auto shown = std::string_view(*path).substr(0, path->find('?'));  // a query may hold a secret
    value.fail(fmt::format("{} is not a path; start it with '/' and write spaces as %20", quote(shown)));
    return std::nullopt;
}

std::optional<std::string> http_method(const Value& value) {
    constexpr std::string_view methods[] = {"GET", "HEAD", "OPTIONS", "POST", "PUT"};
    auto method = line_of_text(value);
    if (!method || std::ranges::find(methods, *method) != std::end(methods)) return method;
    value.fail(quote(*method) + " is not a choice" + suggestion(*method, methods));
    return std::nullopt;
}

void read_header(const Located<std::string>& key, const Node& node, HealthCheckBlock& into,
                 Diagnostics& out) {
    std::string lower = key.value;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (key.value.find(':') != std::string::npos)
        out.error(key.at, "headers: name and value are in one text; write 'name: value' without quotes");
    else if (!is_token(key.value) || key.value.size() > 256)
        out.error(key.at, fmt::format("headers: {} is not the name of a header", quote(key.value)));
    else if (lower == "host")
        out.error(key.at, "headers: 'Host' has an option of its own; write 'host' beside 'headers'");
    else if (lower == "content-length" || lower == "transfer-encoding" || lower == "connection")
        out.error(key.at, fmt::format("headers: {} is set by the check itself; remove it", quote(key.value)));
    else if (const auto text = line_or_empty({node, key.value, out}))
        into.http_headers.insert_or_assign(key.value, Located<std::string>{*text, node.at});
}

void read_headers(const Node& node, HealthCheckBlock& into, Diagnostics& out) {
    if (node.kind != Node::Kind::map && node.kind != Node::Kind::null)
        return out.error(node.at, "headers: expected a map of names and values");
    for (std::size_t i = 0; i < node.keys.size(); ++i) read_header(node.keys[i], node.items[i], into, out);
    if (into.http_headers.size() <= max_headers) return;
    out.error(node.at, fmt::format("headers: there are more than {}; remove some", max_headers));
    into.http_headers.clear();
}

/// "418" or "200-399".
std::optional<StatusRange> status_range(const Value& value) {
    const auto status = [](std::string_view text) -> unsigned {
        const bool three_digits =
            text.size() == 3 && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
        return three_digits
                   ? static_cast<unsigned>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'))
                   : 0;
    };
    const std::string_view text = value.node.text;
    const auto dash = text.find('-');
    const StatusRange range{status(text.substr(0, dash)),
                            status(dash == std::string_view::npos ? text : text.substr(dash + 1))};
    if (range.first >= 100 && range.last <= 599 && range.first <= range.last) return range;
    value.expected("a status from 100 to 599 or a range such as 200-399");
    return std::nullopt;
}

std::optional<std::vector<StatusRange>> status_ranges(const Value& value) {
    if (value.node.kind != Node::Kind::sequence || value.node.items.empty() ||
        value.node.items.size() > max_status_ranges) {
        value.expected(fmt::format("a list of 1 to {} ranges, such as [200-399]", max_status_ranges));
        return std::nullopt;
    }
    std::vector<StatusRange> ranges;
    for (const auto& item : value.node.items)
        if (const auto range = status_range(value.with(item))) ranges.push_back(*range);
    return ranges;
}

std::optional<std::vector<std::string>> command(const Value& value) {
    std::vector<std::string> words;
    constexpr std::size_t most = 32;
    if (value.node.kind == Node::Kind::scalar) {
        value.fail("expected a list of words, such as [/path/to/program, argument]");
        return std::nullopt;
    }
    if (value.node.items.size() > most) {
        value.fail(fmt::format("has {} words; at most {} are allowed", value.node.items.size(), most));
        return std::nullopt;
    }
    each_item(value, [&](const Node& item) {
        if (auto word = line_or_empty(value.with(item))) words.push_back(std::move(*word));
    });
    return words;
}

void read_http(const Node& node, HealthCheckBlock& into, Diagnostics& out) {
    MapReader map(node, "http", out);
    map.field("path", into.http_path, http_path);
    map.field("method", into.http_method, http_method);
    map.field("host", into.http_host, http_host);
    map.block("headers", [&](const Node& value) { read_headers(value, into, out); });
    map.field("expected_statuses", into.http_expected_statuses, status_ranges);
    map.field("expect_body", into.http_expect_body, payload);
    map.field("tls", into.http_tls, boolean);
    map.finish();
}

void read_tls(const Node& node, HealthCheckBlock& into, Diagnostics& out) {
    into.tls_at = node.at;
    MapReader map(node, "tls", out);
    map.field("server_name", into.tls_server_name, server_name);
    map.field("ca_file", into.tls_ca_file, absolute_path);
    map.field("cert_file", into.tls_cert_file, absolute_path);
    map.field("key_file", into.tls_key_file, absolute_path);
    map.field("insecure_skip_verify", into.tls_insecure_skip_verify, boolean);
    map.finish();
}

void read_settings(MapReader& map, HealthCheckBlock& into, Diagnostics& out) {
    const auto settings = [&](std::string_view key, CheckType type, auto read) {
        map.block(key, [&](const Node& node) {
            into.settings_for.push_back({type, node.at});
            read(node);
        });
    };
    settings("tcp", CheckType::tcp, [&](const Node& node) {
        MapReader tcp(node, "tcp", out);
        tcp.field("send", into.tcp_send, payload);
        tcp.field("expect", into.tcp_expect, payload);
        tcp.field("tls", into.tcp_tls, boolean);
        tcp.finish();
    });
    settings("udp", CheckType::udp, [&](const Node& node) {
        MapReader udp(node, "udp", out);
        udp.field("send", into.udp_send, payload);
        udp.field("expect", into.udp_expect, payload);
        udp.finish();
    });
    settings("http", CheckType::http, [&](const Node& node) { read_http(node, into, out); });
    settings("grpc", CheckType::grpc, [&](const Node& node) {
        MapReader grpc(node, "grpc", out);
        grpc.field("service", into.grpc_service, line_or_empty);
        grpc.field("tls", into.grpc_tls, boolean);
        grpc.finish();
    });
    settings("exec", CheckType::exec, [&](const Node& node) {
        MapReader exec(node, "exec", out);
        exec.field("command", into.exec_command, command);
        exec.finish();
    });
}

}  // namespace

void read_health_check(const Node& node, HealthCheckBlock& into, Diagnostics& out) {
    const auto pause = duration_between(10ms, 24h);
    MapReader map(node, "health_check", out);
    map.field("type", into.type, one_of(check_types));
    map.field("interval", into.interval, pause);
    map.field("fast_interval", into.fast_interval, pause);
    map.field("unhealthy_interval", into.unhealthy_interval, pause);
    map.field("timeout", into.timeout, duration_between(1ms, 1h));
    map.field("unhealthy_threshold", into.unhealthy_threshold, number(1U, 100U));
    map.field("healthy_threshold", into.healthy_threshold, number(1U, 100U));
    map.field("jitter_percent", into.jitter_percent, number(0U, 100U));
    map.field("port", into.port, number(0U, 65535U));
    map.field("watch", into.watch, one_of(watches));
    read_settings(map, into, out);
    map.block("tls", [&](const Node& value) { read_tls(value, into, out); });
    map.finish();
}

}  // namespace reseat::config
