// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <array>
#include <string>

namespace reseat::config {
namespace {

/// What is not written keeps the default that it has in lb/model.hpp.
template <class To, class From>
void take(To& into, const Written<From>& written) {
    if (written) into = static_cast<To>(written->value);
}

lb::HealthCheck compile_health_check(const HealthCheckBlock& block, Protocol protocol) {
    lb::HealthCheck check;
    check.type = check_type(block, protocol);
    take(check.interval, block.interval);
    take(check.fast_interval, block.fast_interval);
    check.unhealthy_interval = check.interval;
    take(check.unhealthy_interval, block.unhealthy_interval);
    take(check.timeout, block.timeout);
    take(check.unhealthy_threshold, block.unhealthy_threshold);
    take(check.healthy_threshold, block.healthy_threshold);
    take(check.jitter_percent, block.jitter_percent);
    take(check.port, block.port);
    take(check.watch, block.watch);
    take(check.tcp.send, block.tcp_send);
    take(check.tcp.expect, block.tcp_expect);
    take(check.udp.send, block.udp_send);
    take(check.udp.expect, block.udp_expect);
    take(check.http.path, block.http_path);
    take(check.http.method, block.http_method);
    take(check.http.host, block.http_host);
    take(check.http.expect_body, block.http_expect_body);
    take(check.grpc.service, block.grpc_service);
    take(check.exec.command, block.exec_command);
    if (uses_tls(block, check.type)) {
        check.tls.context = block.tls_context;
        take(check.tls.server_name, block.tls_server_name);
        take(check.tls.ca_file, block.tls_ca_file);
        take(check.tls.cert_file, block.tls_cert_file);
        take(check.tls.key_file, block.tls_key_file);
        take(check.tls.insecure_skip_verify, block.tls_insecure_skip_verify);
    }
    for (const auto& [name, value] : block.http_headers) check.http.headers.emplace(name, value.value);
    if (block.http_expected_statuses) {
        check.http.expected_statuses.clear();
        for (const auto& range : block.http_expected_statuses->value)
            check.http.expected_statuses.emplace_back(range.first, range.last);
    }
    return check;
}

lb::OutlierDetection compile_outlier_detection(const OutlierDetectionBlock& block) {
    lb::OutlierDetection detection;
    take(detection.enabled, block.enabled);
    take(detection.consecutive_connect_failures, block.consecutive_connect_failures);
    take(detection.interval, block.interval);
    take(detection.base_ejection_time, block.base_ejection_time);
    take(detection.max_ejection_time, block.max_ejection_time);
    take(detection.max_ejection_percent, block.max_ejection_percent);
    return detection;
}

lb::Connections compile_connections(const ConnectionsBlock& block) {
    lb::Connections connections;
    take(connections.on_unreachable, block.on_unreachable);
    take(connections.on_refused, block.on_refused);
    take(connections.on_check_failed, block.on_check_failed);
    take(connections.on_unresponsive, block.on_unresponsive);
    take(connections.on_ejected, block.on_ejected);
    take(connections.on_remove, block.on_remove);
    take(connections.on_drain, block.on_drain);
    take(connections.on_restarted, block.on_restarted);
    take(connections.on_recover, block.on_recover);
    take(connections.udp, block.udp);
    take(connections.grace, block.grace);
    take(connections.drain_timeout, block.drain_timeout);
    take(connections.drain_quiet, block.drain_quiet);
    take(connections.close_spread, block.close_spread);
    take(connections.only_if_alternative, block.only_if_alternative);
    take(connections.untracked, block.untracked);
    return connections;
}

lb::BackendCheck compile_backend_check(const BackendBlock& block) {
    lb::BackendCheck check;
    if (block.check_address) check.address = block.check_address->value;
    take(check.port, block.check_port);
    take(check.server_name, block.check_server_name);
    take(check.host, block.check_host);
    return check;
}

lb::Backend compile_backend(const BackendBlock& block) {
    lb::Backend backend;
    take(backend.endpoint, block.endpoint);
    backend.name = to_string(backend.endpoint);
    take(backend.name, block.name);
    take(backend.weight, block.weight);
    take(backend.priority, block.priority);
    take(backend.state, block.state);
    backend.check = compile_backend_check(block);
    return backend;
}

lb::NamedBackends compile_named_backends(const BackendBlock& block) {
    lb::NamedBackends named;
    if (block.srv) {
        named.type = lb::RecordType::srv;
        named.dns_name = block.srv->value;
    } else {
        const std::string& text = block.dns->value;
        const auto colon = text.rfind(':');
        named.dns_name = text.substr(0, colon);
        named.port = static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1)));
    }
    named.name = named.dns_name.substr(0, named.dns_name.find_last_not_of('.') + 1);
    take(named.name, block.name);
    take(named.weight, block.weight);
    take(named.priority, block.priority);
    take(named.state, block.state);
    named.check = compile_backend_check(block);
    return named;
}

}  // namespace

lb::CheckType check_type(const HealthCheckBlock& block, Protocol protocol) {
    if (block.type) return block.type->value;
    return protocol == Protocol::tcp ? lb::CheckType::tcp : lb::CheckType::udp;
}

std::span<const Protocol> protocols_of(const ServiceBlock& block) {
    static constexpr std::array both = {Protocol::tcp, Protocol::udp};
    const auto protocol = block.protocol ? block.protocol->value : ServiceProtocol::tcp;
    if (protocol == ServiceProtocol::any) return both;
    return std::span(both).subspan(protocol == ServiceProtocol::tcp ? 0 : 1, 1);
}

std::vector<lb::Service> compile_service(const ServiceBlock& block) {
    std::vector<lb::Service> services;
    for (const auto protocol : protocols_of(block)) {
        lb::Service service;
        take(service.name, block.name);
        service.protocol = protocol;
        service.is_half = protocols_of(block).size() > 1;
        for (const auto& address : block.addresses) service.addresses.push_back(address.value);
        take(service.lb_policy, block.lb_policy);
        take(service.hash_key, block.hash_key);
        take(service.panic_threshold, block.panic_threshold);
        take(service.on_no_healthy, block.on_no_healthy);
        take(service.slow_start, block.slow_start);
        service.health_check = compile_health_check(block.health_check, protocol);
        service.outlier_detection = compile_outlier_detection(block.outlier_detection);
        service.connections = compile_connections(block.connections);
        take(service.names.family, block.names.family);
        take(service.names.hold, block.names.hold);
        for (const auto& backend : block.backends) {
            if (backend.dns || backend.srv)
                service.named_backends.push_back(compile_named_backends(backend));
            else
                service.backends.push_back(compile_backend(backend));
        }
        services.push_back(std::move(service));
    }
    return services;
}

std::vector<lb::AccessPolicy> compile_policies(const ConfigFile& file) {
    std::vector<lb::AccessPolicy> policies;
    for (const auto& block : file.policies) {
        lb::AccessPolicy policy;
        take(policy.name, block.name);
        take(policy.action, block.action);
        take(policy.existing, block.existing);
        for (const auto& destination : block.to) policy.to.push_back(destination.value);
        policies.push_back(std::move(policy));
    }
    return policies;
}

lb::Model compile(const ConfigFile& file) {
    lb::Model model;
    take(model.cgroup, file.cgroup);
    take(model.exit_when_idle, file.exit_when_idle);
    take(model.pin, file.pin);
    take(model.on_exit, file.on_exit);
    take(model.mptcp, file.mptcp);
    take(model.admin_socket, file.admin_socket);
    if (file.admin_address) model.admin_address = file.admin_address->value;
    take(model.log_level, file.log_level);
    take(model.log_format, file.log_format);
    for (const auto& block : file.services)
        for (auto& service : compile_service(block)) model.services.push_back(std::move(service));
    model.policies = compile_policies(file);
    return model;
}

std::vector<ServiceAddress> service_addresses(const ConfigFile& file) {
    std::vector<ServiceAddress> all;
    for (const auto& service : file.services)
        for (const auto protocol : protocols_of(service))
            for (const auto& address : service.addresses)
                all.push_back({service.name ? service.name->value : "", protocol, address.value, address.at});
    return all;
}

}  // namespace reseat::config
