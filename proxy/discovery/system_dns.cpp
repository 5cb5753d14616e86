// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/system_dns.hpp"

#include "proxy/discovery/ares.hpp"
#include "proxy/discovery/ares_channel.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <type_traits>

#include <netinet/in.h>
#include <resolv.h>

namespace reseat::proxy {
namespace {

constexpr std::uint16_t kDnsPort = 53;

struct Destroy {
    void operator()(ares_channeldata* channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, Destroy>;

Address v4_address(const void* in) {
    std::array<std::uint8_t, 4> octets;
    std::memcpy(octets.data(), in, octets.size());
    return Address::v4(octets);
}

Address v6_address(const void* in) {
    Address address;
    std::memcpy(address.bytes.data(), in, address.bytes.size());
    return address;
}

/// With lookups in the hosts file alone, so that nothing is ever waited for.
Result<Channel> make_channel() {
    std::string lookups = "f";
    ares_options options{};
    options.flags = ARES_FLAG_NOALIASES;
    options.lookups = lookups.data();
    ares_channel made = nullptr;
    int status = init_ares();
    if (status == ARES_SUCCESS)
        status = ares_init_options(&made, &options, ARES_OPT_FLAGS | ARES_OPT_LOOKUPS);
    if (status != ARES_SUCCESS) return ares_error(status);
    return Channel(made);
}

int read_servers(ares_channel channel, std::vector<Endpoint>& into) {
    ares_addr_port_node* first = nullptr;
    const int status = ares_get_servers_ports(channel, &first);
    const std::unique_ptr<ares_addr_port_node, void (*)(void*)> owner(first, ares_free_data);
    for (const auto* node = first; node; node = node->next) {
        const auto port = static_cast<std::uint16_t>(node->udp_port > 0 ? node->udp_port : kDnsPort);
        into.push_back(
            {node->family == AF_INET ? v4_address(&node->addr.addr4) : v6_address(&node->addr.addr6), port});
    }
    return status;
}

/// At most six domains.
void read_path_of_libc(lb::SearchPath& into) {
    struct __res_state state = {};
    if (::res_ninit(&state) != 0) return;
    for (const char* const* domain = state.dnsrch; *domain; ++domain) into.domains.emplace_back(*domain);
    into.ndots = state.ndots;
    ::res_nclose(&state);
}

int read_path(ares_channel channel, lb::SearchPath& into) {
    ares_options read{};
    int given = 0;
    const int status = ares_save_options(channel, &read, &given);
    if (status != ARES_SUCCESS) return status;
    if (given & ARES_OPT_DOMAINS) {
        for (int i = 0; i < read.ndomains; ++i) into.domains.emplace_back(read.domains[i]);
        into.ndots = static_cast<unsigned>(std::max(read.ndots, 0));
    } else {
        read_path_of_libc(into);  // later than 1.18 it tells of what it was given, not of what it has read
    }
    ares_destroy_options(&read);
    return ARES_SUCCESS;
}

void on_hosts(void* argument, int status, int, ares_addrinfo* info) {
    const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owner(info, ares_freeaddrinfo);
    auto& found = *static_cast<std::vector<Address>*>(argument);
    if (status != ARES_SUCCESS || !info) return;
    for (const auto* node = info->nodes; node; node = node->ai_next) {
        if (node->ai_family == AF_INET)
            found.push_back(v4_address(&reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr));
        else if (node->ai_family == AF_INET6)
            found.push_back(v6_address(&reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr));
    }
}

}  // namespace

Result<SystemDns> read_system_dns() {
    const auto channel = make_channel();
    if (!channel) return channel.error();
    SystemDns system;
    int status = read_servers(channel->get(), system.servers);
    if (status == ARES_SUCCESS) status = read_path(channel->get(), system.path);
    if (status != ARES_SUCCESS) return ares_error(status);
    if (system.servers.empty()) system.servers = {{Address::v4({127, 0, 0, 1}), kDnsPort}};
    return system;
}

std::vector<Address> addresses_in_hosts(const std::string& name) {
    std::vector<Address> found;
    const auto channel = make_channel();
    if (!channel) return found;
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NOSORT;
    hints.ai_family = AF_UNSPEC;
    ares_getaddrinfo(channel->get(), name.c_str(), nullptr, &hints, on_hosts, &found);
    return found;
}

}  // namespace reseat::proxy
