// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/test_plane.hpp"

#include <array>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace reseat::test {

/// One way to be a client of a service.
struct Kind {
    const char* name;
    Protocol protocol;
    Family socket;   ///< of the socket
    Family address;  ///< of what it dials: v4 with a v6 socket is v4-mapped
};

inline constexpr std::array<Kind, 6> kKinds{{
    {"tcp v4", Protocol::tcp, Family::v4, Family::v4},
    {"tcp v6", Protocol::tcp, Family::v6, Family::v6},
    {"tcp v4-mapped", Protocol::tcp, Family::v6, Family::v4},
    {"udp v4", Protocol::udp, Family::v4, Family::v4},
    {"udp v6", Protocol::udp, Family::v6, Family::v6},
    {"udp v4-mapped", Protocol::udp, Family::v6, Family::v4},
}};
std::vector<Kind> kinds_of(Protocol protocol);

inline std::ostream& operator<<(std::ostream& out, const Kind& kind) {
    return out << kind.name;
}

/// Service number `number` (from 1) dials 10.96.0.NUMBER:80 and [fd96::NUMBER]:80.
Where vip_of(Family family, unsigned number = 1);
/// The same service for TCP and for UDP, at both its addresses, served by these hosts.
std::vector<lb::Service> dual_service(Sandbox& box, const std::vector<std::string>& hosts,
                                      unsigned number = 1);

/// A sandbox with service 1 on all its hosts.
class Balanced {
public:
    explicit Balanced(const std::string& name, const std::vector<std::string>& hosts = {"a", "b"});
    /// Services 1, 2, ...: the hosts of each.
    Balanced(const std::string& name, const std::vector<std::string>& hosts,
             const std::vector<std::vector<std::string>>& services);

    Client client(const Kind& kind) { return box.client(kind.protocol, kind.socket); }
    /// A client connected through service 1 to this host. Fails the test when none lands there.
    Client landed(const Kind& kind, const std::string& host);

    Endpoint endpoint(const Kind& kind, const std::string& host) {
        return box.host(host).endpoint(kind.address);
    }
    lb::LifeId life(const Kind& kind, const std::string& host, unsigned service = 1);
    std::uint64_t open(const Kind& kind, const std::string& host, unsigned service = 1);
    std::uint64_t indexed(const Kind& kind, const std::string& host, unsigned service = 1);
    /// Over all hosts and families of all services.
    std::uint64_t open_in_all();
    std::uint64_t indexed_in_all();
    std::uint64_t stat(const std::string& name);

    Sandbox box;
    TestPlane plane;

private:
    std::vector<lb::LifeId> lives_;  ///< all that ever began, but for those brought back
};

}  // namespace reseat::test
