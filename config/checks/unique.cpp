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
    for (const auto& block : file.services) {
        const auto at = block.places.find("name");
        if (!at) continue;
        const auto [first, is_new] = names.emplace(block.service.name, *at);
        if (!is_new)
            out.error(*at, fmt::format("name: a service {} is already on {}; names must differ",
                                       quote(block.service.name), elsewhere(first->second, *at)));
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
    std::unordered_map<std::string, Position> names, dns_names, sources;
    for (const auto& backend : service.backends) {
        if (const auto* named = backend.named()) {
            const bool srv = named->type == lb::RecordType::srv;
            const std::string name =
                srv ? named->dns_name : fmt::format("{}:{}", named->dns_name, named->port);
            const Position at = *backend.places.find(srv ? "srv" : "address");
            const auto [first, is_new] = dns_names.emplace(name, at);
            if (!is_new)
                out.error(at, fmt::format("{}: {} is already on line {}; remove one", srv ? "srv" : "address",
                                          quote(name), first->second.line));
        }
        if (const Endpoint* endpoint = backend.endpoint()) {
            const Position at = *backend.places.find("address");
            const auto [first, is_new] = addresses.emplace(*endpoint, at);
            if (!is_new) {
                out.error(at, fmt::format("address: the backend {} is already on line {}; give it a larger "
                                          "'weight' instead",
                                          to_string(*endpoint), first->second.line));
                continue;  // its default name is there twice as well, which says nothing new
            }
        }
        if (const auto* sourced = backend.sourced()) {
            const std::string source = to_string(sourced->ref);
            const auto [first, is_new] = sources.emplace(source, backend.at);
            if (!is_new)
                out.error(backend.at, fmt::format("{} is already on line {}; remove one", quote(source),
                                                  first->second.line));
            continue;
        }
        const auto name_at = backend.places.find("name");
        if (!name_at && !backend.endpoint()) continue;
        const std::string name = name_at
                                     ? std::visit([](const auto& one) { return one.name; }, backend.backend)
                                     : to_string(*backend.endpoint());
        const Position at = name_at.value_or(backend.at);
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
