// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/health_check_json.hpp"

#include "config/words.hpp"
#include "proxy/admin/config_json.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace reseat::proxy {
namespace {

namespace json = boost::json;
using config::word_of;

std::string redacted(const std::string& text) {
    return text.empty() ? "" : kRedacted;
}

std::string without_query(const std::string& path) {
    const auto mark = path.find('?');
    return mark == std::string::npos ? path : path.substr(0, mark + 1) + kRedacted;
}

json::object http_json(const lb::HttpCheck& http, bool tls) {
    json::object headers;
    for (const auto& [name, value] : http.headers) headers[name] = redacted(value);
    json::array statuses;
    for (const auto& [first, last] : http.expected_statuses)
        statuses.emplace_back(fmt::format("{}-{}", first, last));
    return {{"path", without_query(http.path)},
            {"method", http.method},
            {"host", http.host},
            {"headers", std::move(headers)},
            {"expected_statuses", std::move(statuses)},
            {"expect_body", http.expect_body},
            {"tls", tls}};
}

json::object tls_json(const lb::TlsCheck& tls) {
    json::object body{{"server_name", tls.server_name}, {"insecure_skip_verify", tls.insecure_skip_verify}};
    if (!tls.ca_file.empty()) body["ca_file"] = tls.ca_file;
    if (!tls.cert_file.empty()) body["cert_file"] = tls.cert_file;
    if (!tls.key_file.empty()) body["key_file"] = tls.key_file;
    return body;
}

json::object exec_json(const lb::ExecCheck& exec) {
    json::array command;
    for (const auto& word : exec.command) command.emplace_back(command.empty() ? word : redacted(word));
    return {{"command", std::move(command)}};
}

void add_settings(json::object& body, const lb::HealthCheck& check) {
    const bool tls = check.tls.context != nullptr;
    if (check.type == lb::CheckType::tcp || !check.tcp.send.empty() || !check.tcp.expect.empty())
        body["tcp"] = {{"send", redacted(check.tcp.send)},
                       {"expect", redacted(check.tcp.expect)},
                       {"tls", tls && check.type == lb::CheckType::tcp}};
    if (check.type == lb::CheckType::udp || !check.udp.send.empty() || !check.udp.expect.empty())
        body["udp"] = {{"send", redacted(check.udp.send)}, {"expect", redacted(check.udp.expect)}};
    if (check.type == lb::CheckType::http) body["http"] = http_json(check.http, tls);
    if (check.type == lb::CheckType::grpc) body["grpc"] = {{"service", check.grpc.service}, {"tls", tls}};
    if (check.type == lb::CheckType::exec) body["exec"] = exec_json(check.exec);
    if (tls) body["tls"] = tls_json(check.tls);
}

}  // namespace

json::object health_check_json(const lb::HealthCheck& check) {
    json::object body{{"type", word_of(config::check_types, check.type)},
                      {"interval", config::to_string(check.interval)},
                      {"fast_interval", config::to_string(check.fast_interval)},
                      {"unhealthy_interval", config::to_string(check.unhealthy_interval)},
                      {"timeout", config::to_string(check.timeout)},
                      {"unhealthy_threshold", check.unhealthy_threshold},
                      {"healthy_threshold", check.healthy_threshold},
                      {"jitter_percent", check.jitter_percent},
                      {"port", check.port},
                      {"watch", word_of(config::watches, check.watch)}};
    add_settings(body, check);
    return body;
}

}  // namespace reseat::proxy
