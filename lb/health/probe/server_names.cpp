// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/server_names.hpp"

#include <fmt/format.h>

#include <initializer_list>

namespace reseat::lb {
namespace {

/// The first that is not empty; empty if all are.
std::string first_of(std::initializer_list<std::string> names) {
    for (const auto& name : names)
        if (!name.empty()) return name;
    return "";
}

/// "[::1]:80" is ::1, "web:80" and "web" are web.
std::string without_port(const std::string& host) {
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
}

/// "web:8080", "[::1]:8080"; an empty `name` is the address.
std::string with_port(const std::string& name, const Endpoint& endpoint) {
    if (name.empty()) return to_string(endpoint);
    if (const auto address = parse_address(name)) return to_string(Endpoint{*address, endpoint.port});
    return fmt::format("{}:{}", name, endpoint.port);
}

/// HTTP leaves out the port that the scheme has anyway.
std::string for_http(const std::string& name, const Endpoint& endpoint, bool tls) {
    const auto text = with_port(name, endpoint);
    return endpoint.port == (tls ? 443 : 80) ? text.substr(0, text.rfind(':')) : text;
}

}  // namespace

ServerNames server_names(const HealthCheck& check, const ProbeTarget& target) {
    const bool http = check.type == CheckType::http;
    const std::string host = first_of({target.host, http ? check.http.host : ""});
    const std::string server_name = first_of({target.server_name, check.tls.server_name});
    ServerNames names{.host = host, .tls = first_of({server_name, without_port(host), target.dns_name})};
    if (!host.empty()) return names;
    names.host = http ? for_http(target.dns_name, target.endpoint, check.tls.context != nullptr)
                      : with_port(names.tls, target.endpoint);
    return names;
}

}  // namespace reseat::lb
