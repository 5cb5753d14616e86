// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/handles.hpp"
#include "lab/echo_server.hpp"
#include "lab/lab.hpp"
#include "proxy/demo/client_process.hpp"
#include "proxy/demo/demo_report.hpp"
#include "proxy/sidecar/sidecar.hpp"
#include "proxy/workload/workload_cgroup.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace reseat::proxy {

/// Two hosts with an echo server for each kind of client, and eight clients: of each kind one in reseat's
/// cgroup that dials the service, and one outside that dials the first host. Lives in a laboratory of its
/// own; nothing is left of it when it is destroyed.
class Demo {
public:
    /// Everything is up on return, the clients wait. Makes the calling thread part of the laboratory's
    /// client namespace while it lives. Throws std::system_error where the laboratory cannot be made.
    explicit Demo(const WorkloadCgroup& cgroup);
    Demo(const Demo&) = delete;
    Demo& operator=(const Demo&) = delete;

    /// What reseat is to balance: one service for each kind, the first host preferred; fast checks.
    lb::Model model();

    /// Lets the clients go, takes the first host away and looks what becomes of them; then stops `sidecar`.
    Task<void> run(Sidecar& sidecar);

    /// What run() saw; no clients if it did not get that far.
    const DemoReport& report() const { return report_; }

private:
    struct Seen {
        bool working = false;
        std::optional<TimePoint> told, back;  ///< the first time of each
        int error = 0;
    };

    void start_clients(const WorkloadCgroup& cgroup);
    void start_servers();
    Task<void> until_all_work();
    Task<void> look_on(TimePoint vanished);
    void hear();
    void sum_up(const std::vector<lb::ServiceStatus>& services, TimePoint vanished,
                std::chrono::system_clock::time_point vanished_at);

    lab::Lab lab_;
    lab::NetNamespace::Guard inside_;
    UniqueFd go_, heard_;  ///< a byte written to go_ starts a client; heard_ gives ClientEvents
    std::map<std::uint32_t, Seen> seen_;  ///< by client number
    std::deque<ClientProcess> clients_;
    std::deque<lab::EchoServer> servers_;      ///< all of the first host, then all of the second
    std::optional<TimePoint> first_datagram_;  ///< of the connected UDP client, at the second host
    DemoReport report_;
};

}  // namespace reseat::proxy
