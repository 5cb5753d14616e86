// SPDX-License-Identifier: Apache-2.0
#include "config/config_json.hpp"

#include "config/compile.hpp"
#include "config/options.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace reseat::config {
namespace {

namespace json = boost::json;

template <class List, class Show>
json::array array_of(const List& list, Show show) {
    json::array array;
    for (const auto& one : list) array.emplace_back(show(one));
    return array;
}

json::object backend_json(const lb::Backend& backend) {
    json::object body{{"address", to_string(backend.endpoint)}};
    add_options(body, backend_options<lb::Backend>(), backend);
    return body;
}

json::object backend_json(const lb::NamedBackends& named) {
    json::object body;
    if (named.type == lb::RecordType::srv)
        body["srv"] = named.dns_name;
    else
        body["address"] = fmt::format("{}:{}", named.dns_name, named.port);
    add_options(body, backend_options<lb::NamedBackends>(), named);
    return body;
}

json::object backend_json(const lb::SourcedBackends& sourced) {
    json::object body;
    add_options(body, source_options(), sourced.ref);
    add_options(body, backend_options<lb::SourcedBackends>(), sourced);
    return body;
}

/// `other` is the same service for the other protocol, or null.
json::object service_json(const lb::Service& service, const lb::Service* other) {
    json::object body{
        {"name", service.name},
        {"protocol", other ? "any" : to_string(service.protocol)},
        {"address", array_of(service.addresses, [](const auto& address) { return to_string(address); })}};
    add_options(body, service_options(), service);
    // Each half has its own default.
    if (other && other->health_check.type != service.health_check.type)
        body["health_check"].as_object().erase("type");
    json::array& backends = body["backends"].emplace_array();
    for (const auto& backend : service.backends) backends.emplace_back(backend_json(backend));
    for (const auto& named : service.named_backends) backends.emplace_back(backend_json(named));
    for (const auto& sourced : service.sourced_backends) backends.emplace_back(backend_json(sourced));
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

}  // namespace

json::object config_json(const lb::Model& model) {
    json::object body{{"version", 1}};
    add_options(body, instance_options(), model);
    body["services"] = services_json(model.services);
    body["policies"] = array_of(model.policies, policy_json);
    return body;
}

}  // namespace reseat::config
