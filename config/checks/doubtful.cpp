// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>

namespace reseat::config {
namespace {

using Owners = std::map<std::pair<Protocol, Endpoint>, std::string>;

std::string_view word(lb::CheckType type) {
    constexpr std::string_view words[] = {"tcp", "http", "grpc", "udp", "exec", "none"};
    return words[static_cast<std::size_t>(type)];
}

template <class T>
Position at_or(const Written<T>& written, Position otherwise) {
    return written ? written->at : otherwise;
}

void warn_of_health_check(const HealthCheckBlock& block, const lb::Service& service, Position where,
                          Diagnostics& out) {
    const auto& check = service.health_check;
    if (check.type == lb::CheckType::none) return;
    if (check.timeout > check.interval)
        out.warning(at_or(block.timeout, at_or(block.interval, where)),
                    "timeout: is longer than the interval, so a check may still be running when the next one "
                    "is due; make it shorter");
    if (check.type == lb::CheckType::udp && check.udp.expect.empty())
        out.warning(at_or(block.type, where),
                    "health_check: a udp check without 'expect' does not detect a host that vanished, only "
                    "one that answers 'port unreachable'; write udp: {send: ..., expect: ...}");
}

/// Settings of a check that does not run are most likely a forgotten `type`.
void warn_of_idle_settings(const ServiceBlock& block, const std::vector<lb::Service>& services,
                           Diagnostics& out) {
    for (const auto& [type, at] : block.health_check.settings_for) {
        const bool runs = std::ranges::any_of(
            services, [type = type](const auto& service) { return service.health_check.type == type; });
        if (!runs)
            out.warning(at,
                        fmt::format("health_check: these settings have no effect, as the check's type is {}; "
                                    "write 'type: {}' or remove them",
                                    word(services.front().health_check.type), word(type)));
    }
}

void warn_of_tls(const ServiceBlock& service, Diagnostics& out) {
    const HealthCheckBlock& block = service.health_check;
    const bool used = uses_tls(service);
    if (block.tls_at && !used)
        out.warning(
            *block.tls_at,
            "tls: these settings have no effect, as the check does not speak TLS; write 'tls: true' in "
            "its tcp, http or grpc settings, or remove them");
    const auto asks_with_host = [&](Protocol protocol) {
        const auto type = check_type(block, protocol);
        return type == lb::CheckType::http || type == lb::CheckType::grpc;
    };
    const bool has_host = used || std::ranges::any_of(protocols_of(service), asks_with_host);
    for (const auto& backend : service.backends) {
        if (backend.check_server_name && !used)
            out.warning(backend.check_server_name->at,
                        "server_name: has no effect, as the check does not speak TLS; write 'tls: true' in "
                        "its tcp, http or grpc settings, or remove it");
        if (backend.check_host && !has_host)
            out.warning(backend.check_host->at,
                        "host: has no effect, as only http and grpc checks and TLS use it; remove it");
    }
    const bool insecure = block.tls_insecure_skip_verify && block.tls_insecure_skip_verify->value;
    if (insecure && block.tls_ca_file)
        out.warning(block.tls_ca_file->at,
                    "ca_file: has no effect beside insecure_skip_verify: true, which accepts every "
                    "certificate; remove one");
}

/// Which families a name has is DNS's to say.
bool is_asked_for(lb::NameFamily asked, Family family) {
    if (asked == lb::NameFamily::any) return true;
    return (asked == lb::NameFamily::ipv4) == (family == Family::v4);
}

void warn_of_families(const ServiceBlock& block, const lb::Service& service, Diagnostics& out) {
    for (const auto& address : block.addresses) {
        const auto family = address.value.address.family();
        if (!service.named_backends.empty() && is_asked_for(service.names.family, family)) continue;
        const bool reachable = std::ranges::any_of(service.backends, [&](const auto& backend) {
            return backend.endpoint.address.family() == family;
        });
        if (!reachable)
            out.warning(address.at, fmt::format("address: no backend has an {} address, so connects to it "
                                                "are refused; add such a backend",
                                                to_string(family)));
    }
}

void warn_of_addresses(const ServiceBlock& block, const lb::Service& service, Diagnostics& out) {
    for (const auto& [endpoint, at] : block.addresses) {
        if (endpoint.address.is_loopback())
            out.warning(at,
                        fmt::format("address: {} is a loopback address, where other programs may expect a "
                                    "server of their own; choose one from a range set aside",
                                    to_string(endpoint)));
        const bool session = endpoint.port == 443 || endpoint.port == 853 || endpoint.port == 4433;
        if (session && service.protocol == Protocol::udp && service.connections.udp == lb::UdpFate::repoint)
            out.warning(at, fmt::format("connections: port {} is usually QUIC or DTLS, whose sessions do not "
                                        "survive a re-point; write udp: terminate",
                                        endpoint.port));
    }
}

void warn_of_backends(const ServiceBlock& block, const lb::Service& service, const Owners& owners,
                      Diagnostics& out) {
    for (const auto& backend : block.backends) {
        if (!backend.endpoint) continue;
        const auto owner = owners.find({service.protocol, backend.endpoint->value});
        if (owner == owners.end()) continue;
        const bool own = owner->second == service.name;
        out.warning(backend.endpoint->at,
                    fmt::format("backends: {} is the address of {}; a backend is never translated again, so "
                                "write the address of a real server",
                                to_string(backend.endpoint->value),
                                own ? "this very service" : "the service " + quote(owner->second)));
    }
    const Position where = at_or(block.name, block.at);
    if (service.backends.size() == 1 && service.named_backends.empty())
        out.warning(where, "backends: there is only one, so clients have nowhere to go when it fails");
    const auto weightless = [](const auto& backend) { return backend.weight == 0; };
    if (std::ranges::all_of(service.backends, weightless) &&
        std::ranges::all_of(service.named_backends, weightless))
        out.warning(where, "backends: each has weight 0, so none gets a connection");
}

void warn_of_slow_start(const ServiceBlock& block, const lb::Service& service, Diagnostics& out) {
    if (service.lb_policy == lb::LbPolicy::maglev && service.slow_start > Duration::zero())
        out.warning(block.slow_start->at,
                    "slow_start: has no effect with maglev, where each step would move clients between "
                    "backends; remove it or choose another lb_policy");
}

void warn_of_admin_address(const ConfigFile& file, Diagnostics& out) {
    if (!file.admin_address || !file.admin_address->value) return;
    const Endpoint& endpoint = *file.admin_address->value;
    if (endpoint.address.is_loopback()) return;
    out.warning(
        file.admin_address->at,
        fmt::format("address: {} is not a loopback address: anyone who can reach it can read service and "
                    "process names without authentication; use 127.0.0.1 or restrict access to it",
                    to_string(endpoint)));
}

}  // namespace

void warn_of_doubtful(const ConfigFile& file, Diagnostics& out) {
    warn_of_admin_address(file, out);
    Owners owners;
    for (const auto& address : service_addresses(file))
        owners.emplace(std::pair{address.protocol, address.endpoint}, address.service);

    for (const auto& block : file.services) {
        const auto services = compile_service(block);
        for (const auto& service : services) {
            warn_of_health_check(block.health_check, service, at_or(block.name, block.at), out);
            warn_of_families(block, service, out);
            warn_of_addresses(block, service, out);
            warn_of_backends(block, service, owners, out);
            warn_of_slow_start(block, service, out);
        }
        warn_of_idle_settings(block, services, out);
        warn_of_tls(block, out);
    }
    warn_of_policies(file, out);
}

}  // namespace reseat::config
