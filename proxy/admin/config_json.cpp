// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/config_json.hpp"

#include "config/words.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace reseat::proxy {
namespace {

namespace json = boost::json;
using config::word_of;

/// What stands in place of a secret.
constexpr const char* kRedacted = "(redacted)";

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

json::object outlier_detection_json(const lb::OutlierDetection& detection) {
    return {{"enabled", detection.enabled},
            {"consecutive_connect_failures", detection.consecutive_connect_failures},
            {"interval", config::to_string(detection.interval)},
            {"base_ejection_time", config::to_string(detection.base_ejection_time)},
            {"max_ejection_time", config::to_string(detection.max_ejection_time)},
            {"max_ejection_percent", detection.max_ejection_percent}};
}

json::object connections_json(const lb::Connections& connections) {
    const auto fate = [](lb::SocketFate value) { return word_of(config::fates, value); };
    return {
        {"on_unreachable", fate(connections.on_unreachable)},
        {"on_refused", fate(connections.on_refused)},
        {"on_check_failed", fate(connections.on_check_failed)},
        {"on_unresponsive", fate(connections.on_unresponsive)},
        {"on_ejected", fate(connections.on_ejected)},
        {"on_remove", fate(connections.on_remove)},
        {"on_drain", fate(connections.on_drain)},
        {"on_restarted", fate(connections.on_restarted)},
        {"on_recover", word_of(config::on_recovers, connections.on_recover)},
        {"udp", word_of(config::udp_fates, connections.udp)},
        {"grace", config::to_string(connections.grace)},
        {"drain_timeout", config::to_string(connections.drain_timeout)},
        {"drain_quiet", config::to_string(connections.drain_quiet)},
        {"close_spread", connections.close_spread ? config::to_string(*connections.close_spread) : "auto"},
        {"only_if_alternative", connections.only_if_alternative},
        {"untracked", word_of(config::untrackeds, connections.untracked)}};
}

json::object names_json(const lb::NameSettings& names) {
    return {{"family", word_of(config::name_families, names.family)},
            {"hold", config::to_string(names.hold)}};
}

/// What backends by address and by name have in common. A name that follows from the address need not be one
/// that could be written.
template <class Backend>
json::object backend_json(const Backend& backend, std::string_view name_by_default) {
    json::object body{{"priority", backend.priority}};
    if (backend.name != name_by_default) body["name"] = backend.name;
    body["state"] = word_of(config::states, backend.state);
    if (const lb::BackendCheck& own = backend.check; own != lb::BackendCheck{}) {
        json::object& check = body["health_check"].emplace_object();
        if (own.address) check["address"] = to_string(*own.address);
        check["port"] = own.port;
        if (!own.server_name.empty()) check["server_name"] = own.server_name;
        if (!own.host.empty()) check["host"] = own.host;
    }
    return body;
}

json::array backends_json(const lb::Service& service) {
    json::array list;
    for (const auto& backend : service.backends) {
        json::object body = backend_json(backend, to_string(backend.endpoint));
        body["address"] = to_string(backend.endpoint);
        body["weight"] = backend.weight;
        list.emplace_back(std::move(body));
    }
    for (const auto& named : service.named_backends) {
        const std::string& dns = named.dns_name;
        json::object body = backend_json(named, dns.substr(0, dns.find_last_not_of('.') + 1));
        if (named.type == lb::RecordType::srv) {
            body["srv"] = named.dns_name;
        } else {
            body["address"] = fmt::format("{}:{}", named.dns_name, named.port);
            body["weight"] = named.weight;
        }
        list.emplace_back(std::move(body));
    }
    return list;
}

/// `other` is the same service for the other protocol, or null.
json::object service_json(const lb::Service& service, const lb::Service* other) {
    json::array addresses;
    for (const auto& address : service.addresses) addresses.emplace_back(to_string(address));
    json::object body{{"name", service.name},
                      {"protocol", other ? "any" : to_string(service.protocol)},
                      {"address", std::move(addresses)},
                      {"lb_policy", word_of(config::lb_policies, service.lb_policy)}};
    if (service.lb_policy == lb::LbPolicy::maglev)
        body["hash_key"] = word_of(config::hash_keys, service.hash_key);
    body["panic_threshold"] = service.panic_threshold;
    body["on_no_healthy"] = word_of(config::on_no_healthys, service.on_no_healthy);
    body["slow_start"] = config::to_string(service.slow_start);
    body["health_check"] = health_check_json(service.health_check);
    // Each half has its own default.
    if (other && other->health_check.type != service.health_check.type)
        body["health_check"].as_object().erase("type");
    body["outlier_detection"] = outlier_detection_json(service.outlier_detection);
    body["connections"] = connections_json(service.connections);
    body["names"] = names_json(service.names);
    body["backends"] = backends_json(service);
    return body;
}

json::array services_json(const std::vector<lb::Service>& services) {
    json::array list;
    for (std::size_t i = 0; i < services.size(); ++i) {
        const bool both = i + 1 < services.size() && services[i + 1].name == services[i].name;
        list.emplace_back(service_json(services[i], both ? &services[i + 1] : nullptr));
        i += both;
    }
    return list;
}

std::string text(const lb::Cidr& cidr) {
    const bool v4 = cidr.address.family() == Family::v4 && cidr.bits >= 96;
    return fmt::format("{}/{}", to_string(cidr.address), v4 ? cidr.bits - 96 : cidr.bits);
}

json::object destination_json(const lb::Destination& destination) {
    json::array except, ports;
    for (const auto& cidr : destination.except) except.emplace_back(text(cidr));
    for (const auto& [first, last] : destination.ports) ports.emplace_back(fmt::format("{}-{}", first, last));
    return {{"cidr", text(destination.cidr)},
            {"except", std::move(except)},
            {"protocol", destination.protocol ? to_string(*destination.protocol) : "any"},
            {"ports", std::move(ports)}};
}

json::object policy_json(const lb::AccessPolicy& policy) {
    json::array to;
    for (const auto& destination : policy.to) to.emplace_back(destination_json(destination));
    return {{"name", policy.name},
            {"action", word_of(config::actions, policy.action)},
            {"to", std::move(to)},
            {"existing", word_of(config::existings, policy.existing)}};
}

}  // namespace

json::object config_json(const lb::Model& model) {
    json::object workload{{"exit_when_idle", config::to_string(model.exit_when_idle)}};
    if (model.cgroup) workload["cgroup"] = *model.cgroup;
    json::object admin{{"address", model.admin_address ? to_string(*model.admin_address) : ""}};
    if (!model.admin_socket.empty()) admin["socket"] = model.admin_socket;
    json::array policies;
    for (const auto& policy : model.policies) policies.emplace_back(policy_json(policy));
    return {{"version", 1},
            {"workload", std::move(workload)},
            {"admin", std::move(admin)},
            {"log", json::object{{"level", word_of(config::log_levels, model.log_level)},
                                 {"format", word_of(config::log_formats, model.log_format)}}},
            {"pin", model.pin},
            {"on_exit", word_of(config::on_exits, model.on_exit)},
            {"mptcp", word_of(config::mptcps, model.mptcp)},
            {"services", services_json(model.services)},
            {"policies", std::move(policies)}};
}

}  // namespace reseat::proxy
