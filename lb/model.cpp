// SPDX-License-Identifier: Apache-2.0
#include "lb/model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace reseat::lb {

std::string to_string(const SourceRef& ref) {
    switch (ref.kind) {
        case SourceKind::file:
            return "file " + ref.path;
        case SourceKind::command:
            return fmt::format("command {}", fmt::join(ref.command, " "));
        case SourceKind::stream:
            return "stream " + ref.url;
        case SourceKind::kubernetes:
            return fmt::format("kubernetes {}{}{}{}{}", ref.name_space, ref.name_space.empty() ? "" : "/",
                               ref.service, ref.port.empty() ? "" : ":" + ref.port,
                               ref.protocol == Protocol::udp ? "/udp" : "");
    }
    return "";
}

std::string title(std::string_view name, Protocol protocol, bool is_half) {
    return is_half ? fmt::format("{} ({})", name, to_string(protocol)) : std::string(name);
}

std::string title(const Service& service) {
    return title(service.name, service.protocol, service.is_half);
}

std::string title(const Service& service, std::string_view backend) {
    return title(fmt::format("{}/{}", service.name, backend), service.protocol, service.is_half);
}

Endpoint checked_endpoint(const HealthCheck& check, const Backend& backend) {
    Endpoint endpoint = backend.endpoint;
    if (backend.check.address) endpoint.address = *backend.check.address;
    if (check.port != 0) endpoint.port = check.port;
    if (backend.check.port != 0) endpoint.port = backend.check.port;
    return endpoint;
}

}  // namespace reseat::lb
