// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/kernel_data_plane.hpp"
#include "tests/kernel/support/kinds.hpp"

#include <array>

namespace reseat::test {

inline constexpr std::array kEngines{bpf::Engine::tuple, bpf::Engine::diag, bpf::Engine::iterator,
                                     bpf::Engine::descriptor};

/// dual_service() whose connected UDP clients are ended, not moved.
inline std::vector<lb::Service> ending_services(Sandbox& box, const std::vector<std::string>& hosts) {
    auto services = dual_service(box, hosts);
    for (auto& service : services) service.connections.udp = lb::UdpFate::terminate;
    return services;
}

}  // namespace reseat::test
