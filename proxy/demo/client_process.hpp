// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/demo/demo_client.hpp"

#include <sys/types.h>

namespace reseat::proxy {

/// A client of the demo in a process of its own, killed with this object, or with reseat.
class ClientProcess {
public:
    /// Forks, in the network namespace of the calling thread. `cgroup_procs`: the cgroup.procs of the cgroup
    /// that it enters before it opens a socket; -1: it stays where we are. Throws std::system_error.
    ClientProcess(const ClientRole& role, int cgroup_procs);
    ~ClientProcess();
    ClientProcess(const ClientProcess&) = delete;
    ClientProcess& operator=(const ClientProcess&) = delete;

private:
    pid_t pid_;
};

}  // namespace reseat::proxy
