// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "bpf/maps/byte_order.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

namespace reseat::bpf {

/// Writes lb_peers: which addresses are backends, of which service and of any. An address is one as long as a
/// life of it is known, so that late answers are recognised.
class PeerTable {
public:
    explicit PeerTable(int map_fd) : map_fd_(map_fd) {}

    /// One life more. `dialled`: what clients of the service that can reach it dial; nothing: they cannot.
    /// Error: the map is full.
    Result<void> add(std::uint32_t service, const lb_endpoint& backend,
                     const std::optional<lb_endpoint>& dialled);
    /// The service has other addresses now.
    Result<void> redial(std::uint32_t service, const lb_endpoint& backend,
                        const std::optional<lb_endpoint>& dialled);
    /// One life less.
    void remove(std::uint32_t service, const lb_endpoint& backend);

private:
    struct Use {
        std::uint32_t service = 0;
        std::uint32_t lives = 0;
        std::optional<lb_endpoint> dialled;
    };
    using Uses = std::vector<Use>;

    Result<void> write(std::uint32_t service, const lb_endpoint& backend,
                       const std::optional<lb_endpoint>& dialled) const;
    Result<void> write_any(const Uses& uses, const lb_endpoint& backend) const;

    int map_fd_;
    std::unordered_map<lb_endpoint, Uses, EndpointHash, SameEndpoint> uses_;
};

}  // namespace reseat::bpf
