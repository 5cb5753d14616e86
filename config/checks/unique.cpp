// SPDX-License-Identifier: Apache-2.0
#include "config/compile.hpp"

#include <fmt/format.h>

#include <map>
#include <unordered_map>

namespace reseat::config {
namespace {

using AddressKey = std::pair<Protocol, Endpoint>;

/// "line 7", or "line 7 too" where both are the same text, inherited from `defaults`.
std::string elsewhere(Position first, Position again) {
    return fmt::format("line {}{}", first.line, first == again ? " too (inherited from 'defaults')" : "");
}

void check_names(const ConfigFile& file, Diagnostics& out) {
    std::unordered_map<std::string, Position> names;
    for (const auto& service : file.services) {
        if (!service.name) continue;
        const auto [first, is_new] = names.emplace(service.name->value, service.name->at);
        if (!is_new)
            out.error(service.name->at,
                      fmt::format("name: a service {} is already on {}; names must differ",
                                  quote(service.name->value), elsewhere(first->second, service.name->at)));
    }
}

void check_addresses(const ConfigFile& file, Diagnostics& out) {
    std::map<AddressKey, Position> addresses;
    for (const auto& [service, protocol, endpoint, at] : service_addresses(file)) {
        const auto [first, is_new] = addresses.emplace(AddressKey{protocol, endpoint}, at);
        if (!is_new)
            out.error(at,
                      fmt::format("address: {} over {} already belongs to a service, on {}; "
                                  "an address can belong to only one service",
                                  to_string(endpoint), to_string(protocol), elsewhere(first->second, at)));
    }
}

void check_backends(const ServiceBlock& service, Diagnostics& out) {
    std::map<Endpoint, Position> addresses;
    std::unordered_map<std::string, Position> names, dns_names;
    for (const auto& backend : service.backends) {
        if (const auto& dns = backend.dns ? backend.dns : backend.srv) {
            const auto [first, is_new] = dns_names.emplace(dns->value, dns->at);
            if (!is_new)
                out.error(dns->at, fmt::format("{}: {} is already on line {}; remove one",
                                               backend.dns ? "address" : "srv", quote(dns->value),
                                               first->second.line));
        }
        if (backend.endpoint) {
            const auto& [endpoint, at] = *backend.endpoint;
            const auto [first, is_new] = addresses.emplace(endpoint, at);
            if (!is_new) {
                out.error(at, fmt::format("address: the backend {} is already on line {}; give it a larger "
                                          "'weight' instead",
                                          to_string(endpoint), first->second.line));
                continue;  // its default name is there twice as well, which says nothing new
            }
        }
        if (!backend.name && !backend.endpoint) continue;
        const std::string name = backend.name ? backend.name->value : to_string(backend.endpoint->value);
        const Position at = backend.name ? backend.name->at : backend.at;
        const auto [first, is_new] = names.emplace(name, at);
        if (!is_new)
            out.error(at, fmt::format("name: a backend {} is already on line {}; names must differ within "
                                      "a service",
                                      quote(name), first->second.line));
    }
}

}  // namespace

void check_unique(const ConfigFile& file, Diagnostics& out) {
    check_names(file, out);
    check_addresses(file, out);
    for (const auto& service : file.services) check_backends(service, out);
}

}  // namespace reseat::config
