// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/test_plane.hpp"

#include <functional>

namespace reseat::test {

/// Where most of these tests dial.
inline const Where kVip = "10.96.0.1:80";
inline const Where kVip6 = "[fd96::1]:80";

/// A client that is connected through the service `vip` to this host. `prepare` is called on each socket
/// that is tried. Throws std::runtime_error when none gets there.
Client landing_on(Sandbox& box, const std::string& host, const Where& vip, Protocol protocol = Protocol::tcp,
                  Family family = Family::v4, const std::function<void(Client&)>& prepare = {});

/// As landing_on(), without a word to the backend: by what the kernel says the socket is connected to.
Client silently_on(Sandbox& box, const Endpoint& backend, const Where& vip, Protocol protocol = Protocol::tcp,
                   Family family = Family::v4, const std::function<void(Client&)>& prepare = {});

/// A service whose connected UDP clients meet this fate.
lb::Service udp_service(const Where& address, const std::vector<Endpoint>& backends,
                        lb::UdpFate fate = lb::UdpFate::repoint);

/// The named counter of the data path.
std::uint64_t stat(TestPlane& plane, const std::string& name);

/// Sockets with a descriptor whose peer is this backend, in whatever state but LISTEN and TIME_WAIT.
unsigned sockets_to(const Endpoint& backend, Protocol protocol);

}  // namespace reseat::test
