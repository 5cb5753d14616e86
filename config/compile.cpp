// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <array>
#include <string>

namespace reseat::config {

lb::CheckType check_type(const ServiceBlock& block, Protocol protocol) {
    if (block.places.has("health_check.type")) return block.service.health_check.type;
    return protocol == Protocol::tcp ? lb::CheckType::tcp : lb::CheckType::udp;
}

std::span<const Protocol> protocols_of(const ServiceBlock& block) {
    static constexpr std::array both = {Protocol::tcp, Protocol::udp};
    if (block.protocol == ServiceProtocol::any) return both;
    return std::span(both).subspan(block.protocol == ServiceProtocol::tcp ? 0 : 1, 1);
}

std::string usual_name(const lb::Backend& backend) {
    return to_string(backend.endpoint);
}

std::string usual_name(const lb::NamedBackends& backends) {
    return backends.dns_name.substr(0, backends.dns_name.find_last_not_of('.') + 1);
}

std::string usual_name(const lb::SourcedBackends&) {
    return "";
}

std::vector<lb::Service> compile_service(const ServiceBlock& block) {
    lb::Service service = block.service;
    lb::HealthCheck& check = service.health_check;
    if (!block.places.has("health_check.unhealthy_interval")) check.unhealthy_interval = check.interval;
    for (const auto& address : block.addresses) service.addresses.push_back(address.value);
    for (const BackendBlock& one : block.backends) {
        if (const auto* named = one.named()) {
            service.named_backends.push_back(*named);
            if (named->name.empty()) service.named_backends.back().name = usual_name(*named);
        } else if (const auto* sourced = one.sourced()) {
            service.sourced_backends.push_back(*sourced);
        } else {
            const auto& backend = service.backends.emplace_back(std::get<lb::Backend>(one.backend));
            if (backend.name.empty()) service.backends.back().name = usual_name(backend);
        }
    }
    std::vector<lb::Service> services;
    for (const auto protocol : protocols_of(block)) {
        lb::Service& half = services.emplace_back(service);
        half.protocol = protocol;
        half.is_half = block.protocol == ServiceProtocol::any;
        half.health_check.type = check_type(block, protocol);
        if (!uses_tls(check, half.health_check.type)) half.health_check.tls = {};
        for (auto& sourced : half.sourced_backends)
            if (sourced.ref.kind == lb::SourceKind::kubernetes) sourced.ref.protocol = protocol;
    }
    return services;
}

std::vector<lb::AccessPolicy> compile_policies(const ConfigFile& file) {
    std::vector<lb::AccessPolicy> policies;
    for (const auto& block : file.policies) policies.push_back(block.policy);
    return policies;
}

lb::Model compile(const ConfigFile& file) {
    lb::Model model = file.model;
    for (const auto& block : file.services)
        for (auto& service : compile_service(block)) model.services.push_back(std::move(service));
    model.policies = compile_policies(file);
    return model;
}

std::vector<ServiceAddress> service_addresses(const ConfigFile& file) {
    std::vector<ServiceAddress> all;
    for (const auto& block : file.services)
        for (const auto protocol : protocols_of(block))
            for (const auto& address : block.addresses)
                all.push_back({block.service.name, protocol, address.value, address.at});
    return all;
}

}  // namespace reseat::config
