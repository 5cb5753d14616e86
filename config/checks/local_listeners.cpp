// SPDX-License-Identifier: Apache-2.0
#include "config/checks/local_listeners.hpp"

#include "base/read_file.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <set>
#include <sstream>
#include <tuple>

namespace reseat::config {
namespace {

using Listeners = std::set<std::pair<Protocol, Endpoint>>;

std::optional<std::uint32_t> hex(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    const bool good = fault == std::errc{} && end == text.data() + text.size();
    return good ? std::optional(number) : std::nullopt;
}

/// "0100007F:1F90": 32-bit words in the byte order of the host, then the port (proc(5), /proc/net/tcp).
std::optional<Endpoint> local_endpoint(std::string_view text) {
    const auto colon = text.find(':');
    if (colon != 8 && colon != 32) return std::nullopt;
    const auto port = hex(text.substr(colon + 1));
    Address address = Address::v4({});
    const std::size_t start = colon == 8 ? 12 : 0;
    for (std::size_t at = 0; at < colon; at += 8) {
        const auto host_order = hex(text.substr(at, 8));
        if (!host_order) return std::nullopt;
        std::memcpy(address.bytes.data() + start + at / 2, &*host_order, 4);
    }
    if (!port || *port > 65535) return std::nullopt;
    return Endpoint{address, static_cast<std::uint16_t>(*port)};
}

void add_listeners(const std::string& text, Protocol protocol, Listeners& into) {
    // TCP_LISTEN; an unconnected UDP socket has the state TCP_CLOSE (include/net/tcp_states.h).
    const std::string_view wanted = protocol == Protocol::tcp ? "0A" : "07";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string slot, local, remote, state;
        words >> slot >> local >> remote >> state;
        if (state != wanted) continue;
        if (const auto endpoint = local_endpoint(local)) into.emplace(protocol, *endpoint);
    }
}

bool is_taken(const Listeners& listeners, Protocol protocol, const Endpoint& endpoint) {
    if (listeners.contains({protocol, endpoint})) return true;
    if (!endpoint.address.is_loopback()) return false;
    const Endpoint any_v4{Address::v4({}), endpoint.port};
    const Endpoint any_v6{Address{}, endpoint.port};
    return listeners.contains({protocol, any_v6}) ||
           (endpoint.address.family() == Family::v4 && listeners.contains({protocol, any_v4}));
}

}  // namespace

ProcNet read_proc_net(const std::string& directory) {
    const auto read = [&](const char* name) {
        auto text = read_file(directory + "/" + name);
        return text ? std::move(*text) : std::string();
    };
    return {read("tcp"), read("tcp6"), read("udp"), read("udp6")};
}

std::vector<Diagnostic> warn_local_listeners(const Loaded& loaded, const ProcNet& sockets) {
    Listeners listeners;
    add_listeners(sockets.tcp, Protocol::tcp, listeners);
    add_listeners(sockets.tcp6, Protocol::tcp, listeners);
    add_listeners(sockets.udp, Protocol::udp, listeners);
    add_listeners(sockets.udp6, Protocol::udp, listeners);

    std::set<std::tuple<Position, Protocol, Endpoint>> found;
    for (const auto& address : loaded.addresses)
        if (is_taken(listeners, address.protocol, address.endpoint))
            found.emplace(address.at, address.protocol, address.endpoint);

    std::vector<Diagnostic> warnings;
    for (const auto& [at, protocol, endpoint] : found)
        warnings.push_back(
            {Severity::warning, loaded.file, at,
             fmt::format("address: a program on this host already uses {} over {}; the workload "
                         "would no longer reach it; choose another address",
                         to_string(endpoint), to_string(protocol))});
    return warnings;
}

}  // namespace reseat::config
