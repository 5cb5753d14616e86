// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "lab/net_namespace.hpp"

#include <deque>
#include <string>
#include <vector>

namespace reseat::lab {

/// A machine of the laboratory: a network namespace of its own, cabled to the client's bridge.
class Host {
public:
    /// For Lab: the `number`-th machine (0-based, up to 200). Throws std::system_error.
    Host(std::string name, unsigned number, const NetNamespace& client);

    const std::string& name() const { return name_; }
    const NetNamespace& net() const { return net_; }
    Address address(Family family = Family::v4) const;

    /// The machine is gone: no FIN, no RST, no ICMP; packets to it disappear. Effective on return.
    void vanish();
    /// Undoes vanish(): same addresses, and whatever ran on it still runs. Effective on return.
    void reappear();

private:
    void plug_in() const;
    void configure() const;
    std::string port() const;

    std::string name_;
    unsigned number_;
    const NetNamespace& client_;
    NetNamespace net_;
};

/// A little network: a client namespace (10.99.0.1/24, fd99::1/64, loopback) and backend machines
/// 10.99.0.11, .12, ... (fd99::11, ::12, ...) on one bridge. Neighbours are static in both directions, so
/// that a vanished machine is never reported by ICMP or EHOSTUNREACH. Touches nothing outside and has no
/// names in the file system: there is nothing to clean up, also after a crash.
class Lab {
public:
    /// Up and reachable on return. Throws std::system_error: EPERM without CAP_SYS_ADMIN and CAP_NET_ADMIN.
    explicit Lab(const std::vector<std::string>& host_names);
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;

    const NetNamespace& client() const { return client_; }
    Address client_address(Family family = Family::v4) const;

    std::deque<Host>& hosts() { return hosts_; }
    /// Throws std::out_of_range for an unknown name.
    Host& host(const std::string& name);

private:
    NetNamespace client_;
    std::deque<Host> hosts_;
};

}  // namespace reseat::lab
