// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/stage.hpp"

#include <vector>

namespace reseat::bench {

/// Idle connections of the workload through services of their own. Each service is one address, one backend
/// and one process of the workload, within the limits of ports and descriptors.
class Crowd {
public:
    /// Servers with room for all, in the namespace of `host`; nobody connects yet. Call before the services
    /// are published. Crowds on one host differ in `first_port` by 100. Throws std::exception.
    Crowd(Stage& stage, const std::string& host, unsigned size, Protocol protocol = Protocol::tcp,
          std::uint16_t first_port = 8000);

    const std::vector<lb::Service>& services() const { return services_; }
    /// All connected on return. Throws std::runtime_error.
    void gather(const Stage& stage);
    /// How many did not lose their connection.
    unsigned still_there();

private:
    void listen(Stage& stage, const std::string& host, std::uint16_t first_port);

    Protocol protocol_;
    std::vector<unsigned> sizes_;  ///< by service
    std::vector<lb::Service> services_;
    std::vector<UniqueFd> listeners_;  ///< nobody accepts: the connections wait in the backlog
    std::vector<Channel> channels_;
    std::vector<Process> processes_;
};

}  // namespace reseat::bench
