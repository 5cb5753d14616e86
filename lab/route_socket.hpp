// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "lab/net_namespace.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>

struct mnl_socket;
struct nlmsghdr;

namespace reseat::lab {

using Mac = std::array<std::uint8_t, 6>;

/// The few rtnetlink requests that the laboratory needs, in the network namespace that the calling thread
/// was in when it made this and is in when it calls. All throw std::system_error, which names the device.
class RouteSocket {
public:
    RouteSocket();

    void add_bridge(const std::string& name, const Mac& mac);
    /// `name` here is cabled to `peer` in namespace `there`; both are down.
    void add_veth(const std::string& name, const std::string& peer, const Mac& peer_mac,
                  const NetNamespace& there);
    void set_master(const std::string& name, const std::string& bridge);
    void set_up(const std::string& name, bool up);
    /// Without duplicate address detection. An address that is there already is left alone.
    void add_address(const std::string& name, const Address& address, unsigned prefix);
    /// Permanent: it never goes stale, so that a lost neighbour is never reported.
    void add_neighbour(const std::string& name, const Address& address, const Mac& mac);

private:
    /// Sends one request and waits for its acknowledgement. `what` goes in front of an error.
    void request(nlmsghdr* message, const std::string& what);

    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    std::unique_ptr<mnl_socket, Close> socket_;
};

/// IFF_RUNNING: up, with a carrier, and the kernel has noticed. Not found: false.
bool is_running(const std::string& device);

}  // namespace reseat::lab
