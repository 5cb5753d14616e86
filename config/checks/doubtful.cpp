// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>

namespace reseat::config {
namespace {

using Owners = std::map<std::pair<Protocol, Endpoint>, std::string>;

void warn_of_health_check(const ServiceBlock& block, const lb::Service& service, Position where,
                          Diagnostics& out) {
    const auto& check = service.health_check;
    const auto place = [&](std::string_view path, Position otherwise) {
        return block.places.find(path).value_or(otherwise);
    };
    if (check.type == lb::CheckType::none) return;
    if (check.timeout > check.interval)
        out.warning(place("health_check.timeout", place("health_check.interval", where)),
                    "timeout: is longer than the interval, so a check may still be running when the next one "
                    "is due; make it shorter");
    if (check.type == lb::CheckType::udp && check.udp.expect.empty())
        out.warning(place("health_check.type", where),
                    "health_check: a udp check without 'expect' does not detect a host that vanished, only "
                    "one that answers 'port unreachable'; write udp: {send: ..., expect: ...}");
}

/// Settings of a check that does not run are most likely a forgotten `type`, but not those in `defaults`.
void warn_of_idle_settings(const ServiceBlock& block, const ServiceBlock& defaults,
                           const std::vector<lb::Service>& services, Diagnostics& out) {
    for (const lb::CheckType type : enumerators<lb::CheckType>()) {
        const std::string path = fmt::format("health_check.{}", word_of(type));
        const auto at = block.places.find(path);
        const bool runs = std::ranges::any_of(
            services, [type](const auto& service) { return service.health_check.type == type; });
        if (!at || runs || at == defaults.places.find(path)) continue;
        out.warning(*at,
                    fmt::format("health_check: these settings have no effect, as the check's type is {}; "
                                "write 'type: {}' or remove them",
                                word_of(services.front().health_check.type), word_of(type)));
    }
}

void warn_of_tls(const ServiceBlock& block, Diagnostics& out) {
    const lb::TlsCheck& tls = block.service.health_check.tls;
    const bool used = uses_tls(block);
    if (const auto at = block.places.find("health_check.tls"); at && !used)
        out.warning(
            *at,
            "tls: these settings have no effect, as the check does not speak TLS; write 'tls: true' in "
            "its tcp, http or grpc settings, or remove them");
    const auto asks_with_host = [&](Protocol protocol) {
        const auto type = check_type(block, protocol);
        return type == lb::CheckType::http || type == lb::CheckType::grpc;
    };
    const bool has_host = used || std::ranges::any_of(protocols_of(block), asks_with_host);
    for (const auto& backend : block.backends) {
        if (const auto at = backend.places.find("health_check.server_name"); at && !used)
            out.warning(*at,
                        "server_name: has no effect, as the check does not speak TLS; write 'tls: true' in "
                        "its tcp, http or grpc settings, or remove it");
        if (const auto at = backend.places.find("health_check.host"); at && !has_host)
            out.warning(*at, "host: has no effect, as only http and grpc checks and TLS use it; remove it");
    }
    if (tls.insecure_skip_verify && !tls.ca_file.empty())
        out.warning(*block.places.find("health_check.tls.ca_file"),
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
        if (!service.sourced_backends.empty()) continue;  // which families it has is its source's to say
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
        const Endpoint* endpoint = backend.endpoint();
        if (!endpoint) continue;
        const auto owner = owners.find({service.protocol, *endpoint});
        if (owner == owners.end()) continue;
        const bool own = owner->second == service.name;
        out.warning(*backend.places.find("address"),
                    fmt::format("backends: {} is the address of {}; a backend is never translated again, so "
                                "write the address of a real server",
                                to_string(*endpoint),
                                own ? "this very service" : "the service " + quote(owner->second)));
    }
    const Position where = block.places.find("name").value_or(block.at);
    if (service.backends.size() == 1 && service.named_backends.empty() && service.sourced_backends.empty())
        out.warning(where, "backends: there is only one, so clients have nowhere to go when it fails");
    const auto weightless = [](const auto& backend) { return backend.weight == 0; };
    if (service.sourced_backends.empty() && std::ranges::all_of(service.backends, weightless) &&
        std::ranges::all_of(service.named_backends, weightless))
        out.warning(where, "backends: each has weight 0, so none gets a connection");
}

/// Addresses for tests between networks (RFC 2544), which reseat's documents suggest: no route leads there.
bool leads_nowhere(const Address& address) {
    return address.family() == Family::v4 && address.bytes[12] == 198 && (address.bytes[13] & 0xfe) == 18;
}

void warn_of_sources(const ServiceBlock& block, const lb::Service& service, Diagnostics& out) {
    const auto where = block.places.find("until_known");
    if (!where || service.until_known != lb::UntilKnown::pass) return;
    if (service.sourced_backends.empty() || !service.backends.empty())
        return out.warning(*where,
                           "until_known: means nothing where a backend is known without a source; remove it");
    for (const auto& address : service.addresses)
        if (leads_nowhere(address.address))
            out.warning(*where,
                        fmt::format("until_known: pass leaves connects to {} alone, and no route leads "
                                    "there; write refuse, or the address of a real service",
                                    to_string(address)));
}

void warn_of_slow_start(const ServiceBlock& block, const lb::Service& service, Diagnostics& out) {
    if (service.lb_policy == lb::LbPolicy::maglev && service.slow_start > Duration::zero())
        out.warning(*block.places.find("slow_start"),
                    "slow_start: has no effect with maglev, where each step would move clients between "
                    "backends; remove it or choose another lb_policy");
}

void warn_of_admin_address(const ConfigFile& file, Diagnostics& out) {
    const auto& endpoint = file.model.admin_address;
    if (!endpoint || endpoint->address.is_loopback()) return;
    out.warning(
        *file.places.find("admin.address"),
        fmt::format("address: {} is not a loopback address: anyone who can reach it can read service and "
                    "process names without authentication; use 127.0.0.1 or restrict access to it",
                    to_string(*endpoint)));
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
            warn_of_health_check(block, service, block.places.find("name").value_or(block.at), out);
            warn_of_families(block, service, out);
            warn_of_addresses(block, service, out);
            warn_of_backends(block, service, owners, out);
            warn_of_sources(block, service, out);
            warn_of_slow_start(block, service, out);
        }
        warn_of_idle_settings(block, file.defaults, services, out);
        warn_of_tls(block, out);
    }
    warn_of_policies(file, out);
}

}  // namespace reseat::config
