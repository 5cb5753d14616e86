// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/support/victims.hpp"

#include <netinet/tcp.h>

namespace reseat::test {
namespace {

constexpr int kAttempts = 20;

Client connected(Sandbox& box, const Where& vip, Protocol protocol, Family family,
                 const std::function<void(Client&)>& prepare) {
    Client client = box.client(protocol, family);
    if (prepare) prepare(client);
    if (const int error = client.connect(vip))
        throw std::system_error(error, std::generic_category(), "connect to the service");
    return client;
}

}  // namespace

Client landing_on(Sandbox& box, const std::string& host, const Where& vip, Protocol protocol, Family family,
                  const std::function<void(Client&)>& prepare) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        Client client = connected(box, vip, protocol, family, prepare);
        if (client.echo("hello") == host) return client;
    }
    throw std::runtime_error("no connection landed on " + host);
}

Client silently_on(Sandbox& box, const Endpoint& backend, const Where& vip, Protocol protocol, Family family,
                   const std::function<void(Client&)>& prepare) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        Client client = connected(box, vip, protocol, family, prepare);
        if (client.actual_peer() == backend) return client;
    }
    throw std::runtime_error("no connection landed on " + to_string(backend));
}

lb::Service udp_service(const Where& address, const std::vector<Endpoint>& backends, lb::UdpFate fate) {
    lb::Service made = service(address, backends, Protocol::udp);
    made.connections.udp = fate;
    return made;
}

std::uint64_t stat(TestPlane& plane, const std::string& name) {
    for (const auto& [counter, value] : plane.kernel().stats())
        if (counter == name) return value;
    throw std::runtime_error("no counter is called " + name);
}

unsigned sockets_to(const Endpoint& backend, Protocol protocol) {
    unsigned count = 0;
    for (const auto family : {Family::v4, Family::v6})
        for (const auto& socket : list_sockets(protocol, family)) {
            const bool counts = socket.state != TCP_LISTEN && socket.state != TCP_TIME_WAIT && socket.inode;
            if (counts && socket.peer == backend) ++count;
        }
    return count;
}

}  // namespace reseat::test
