// SPDX-License-Identifier: Apache-2.0
#include "config/options.hpp"
#include "config/read.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace reseat::config {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using lb::CheckType;
using lb::HealthCheck;
using StatusRanges = std::vector<std::pair<unsigned, unsigned>>;

/// What is shown in place of a secret. What is empty is shown as empty.
constexpr const char* kRedacted = "(redacted)";

json::value redacted(const std::string& text) {
    return text.empty() ? "" : kRedacted;
}

json::value without_query(const std::string& path) {
    const auto mark = path.find('?');
    return json::value(mark == std::string::npos ? path : path.substr(0, mark + 1) + kRedacted);
}

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

void read_header(const Located<std::string>& key, const Value& value, lb::HttpCheck& into) {
    const auto fail = [&](std::string_view message) { value.out.error(key.at, message); };
    std::string lower = key.value;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (key.value.find(':') != std::string::npos)
        fail("headers: name and value are in one text; write 'name: value' without quotes");
    else if (!is_token(key.value) || key.value.size() > 256)
        fail(fmt::format("headers: {} is not the name of a header", quote(key.value)));
    else if (lower == "host")
        fail("headers: 'Host' has an option of its own; write 'host' beside 'headers'");
    else if (lower == "content-length" || lower == "transfer-encoding" || lower == "connection")
        fail(fmt::format("headers: {} is set by the check itself; remove it", quote(key.value)));
    else if (auto text = line_or_empty(value))
        into.headers.insert_or_assign(key.value, std::move(*text));
}

/// Added to those that `defaults` have.
void read_headers(const Value& value, lb::HttpCheck& into) {
    const Node& node = value.node;
    if (node.kind != Node::Kind::map && node.kind != Node::Kind::null)
        return value.fail("expected a map of names and values");
    for (std::size_t i = 0; i < node.keys.size(); ++i)
        read_header(node.keys[i], {node.items[i], node.keys[i].value, value.out}, into);
    if (into.headers.size() <= max_headers) return;
    value.fail(fmt::format("there are more than {}; remove some", max_headers));
    into.headers.clear();
}

json::object headers_json(const lb::HttpCheck& http) {
    json::object headers;
    for (const auto& [name, value] : http.headers) headers[name] = redacted(value);
    return headers;
}

/// "418" or "200-399".
std::optional<std::pair<unsigned, unsigned>> status_range(const Value& value) {
    const auto status = [](std::string_view text) -> unsigned {
        const bool three_digits =
            text.size() == 3 && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
        return three_digits
                   ? static_cast<unsigned>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'))
                   : 0;
    };
    const std::string_view text = value.node.text;
    const auto dash = text.find('-');
    const std::pair range{status(text.substr(0, dash)),
                          status(dash == std::string_view::npos ? text : text.substr(dash + 1))};
    if (range.first >= 100 && range.second <= 599 && range.first <= range.second) return range;
    value.expected("a status from 100 to 599 or a range such as 200-399");
    return std::nullopt;
}

std::optional<StatusRanges> status_ranges(const Value& value) {
    if (value.node.kind != Node::Kind::sequence || value.node.items.empty() ||
        value.node.items.size() > max_status_ranges) {
        value.expected(fmt::format("a list of 1 to {} ranges, such as [200-399]", max_status_ranges));
        return std::nullopt;
    }
    StatusRanges ranges;
    for (const auto& item : value.node.items)
        if (const auto range = status_range(value.with(item))) ranges.push_back(*range);
    return ranges;
}

json::array statuses_json(const StatusRanges& ranges) {
    json::array statuses;
    for (const auto& [first, last] : ranges) statuses.emplace_back(fmt::format("{}-{}", first, last));
    return statuses;
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

/// Arguments may be secrets.
json::array command_json(const std::vector<std::string>& command) {
    json::array words;
    for (const auto& word : command) words.push_back(words.empty() ? json::value(word) : redacted(word));
    return words;
}

Options<lb::HttpCheck> http_options() {
    using lb::HttpCheck;
    const auto read = [](MapReader& map, HttpCheck& into) {
        map.block("headers", [&](const Value& value) { read_headers(value, into); });
    };
    return {
        option("path", &HttpCheck::path, http_path, without_query),
        option("method", &HttpCheck::method, http_method),
        option("host", &HttpCheck::host, http_host),
        {"headers", read, headers_json},
        option("expected_statuses", &HttpCheck::expected_statuses, status_ranges, statuses_json),
        option("expect_body", &HttpCheck::expect_body, payload),
        option("tls", &HttpCheck::tls),
    };
}

Options<lb::TlsCheck> tls_options() {
    using lb::TlsCheck;
    const auto file = [](std::string_view key, std::string TlsCheck::*field) {
        return option(key, field, absolute_path).shown_if([field](const TlsCheck& tls) {
            return !(tls.*field).empty();
        });
    };
    return {
        option("server_name", &TlsCheck::server_name, server_name),
        file("ca_file", &TlsCheck::ca_file),
        file("cert_file", &TlsCheck::cert_file),
        file("key_file", &TlsCheck::key_file),
        option("insecure_skip_verify", &TlsCheck::insecure_skip_verify),
    };
}

}  // namespace

const Options<HealthCheck>& health_check_options() {
    using lb::TcpCheck, lb::UdpCheck, lb::GrpcCheck, lb::ExecCheck;
    const auto is = [](CheckType type) { return [type](const HealthCheck& c) { return c.type == type; }; };
    const auto has_tcp = [](const HealthCheck& check) {
        return check.type == CheckType::tcp || !check.tcp.send.empty() || !check.tcp.expect.empty();
    };
    const auto has_udp = [](const HealthCheck& check) {
        return check.type == CheckType::udp || !check.udp.send.empty() || !check.udp.expect.empty();
    };
    const auto has_tls = [](const HealthCheck& check) { return check.tls.context != nullptr; };
    static const Options<HealthCheck> options = {
        option("type", &HealthCheck::type),
        option("interval", &HealthCheck::interval, 10ms, 24h),
        option("fast_interval", &HealthCheck::fast_interval, 10ms, 24h),
        option("unhealthy_interval", &HealthCheck::unhealthy_interval, 10ms, 24h),
        option("timeout", &HealthCheck::timeout, 1ms, 1h),
        option("unhealthy_threshold", &HealthCheck::unhealthy_threshold, 1, 100),
        option("healthy_threshold", &HealthCheck::healthy_threshold, 1, 100),
        option("jitter_percent", &HealthCheck::jitter_percent, 0, 100),
        option("port", &HealthCheck::port, 0, 65535),
        option("watch", &HealthCheck::watch),
        block("tcp", &HealthCheck::tcp,
              {option("send", &TcpCheck::send, payload, redacted),
               option("expect", &TcpCheck::expect, payload, redacted), option("tls", &TcpCheck::tls)})
            .shown_if(has_tcp),
        block("udp", &HealthCheck::udp,
              {option("send", &UdpCheck::send, payload, redacted),
               option("expect", &UdpCheck::expect, payload, redacted)})
            .shown_if(has_udp),
        block("http", &HealthCheck::http, http_options()).shown_if(is(CheckType::http)),
        block("grpc", &HealthCheck::grpc,
              {option("service", &GrpcCheck::service, line_or_empty), option("tls", &GrpcCheck::tls)})
            .shown_if(is(CheckType::grpc)),
        block("exec", &HealthCheck::exec, {option("command", &ExecCheck::command, command, command_json)})
            .shown_if(is(CheckType::exec)),
        block("tls", &HealthCheck::tls, tls_options()).shown_if(has_tls),
    };
    return options;
}

}  // namespace reseat::config
