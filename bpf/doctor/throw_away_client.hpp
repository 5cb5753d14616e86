// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/endpoint.hpp"
#include "base/handles.hpp"

#include <sys/types.h>

namespace reseat::bpf {

/// A child process in a cgroup that connects sockets on request, as a workload would. Killed
/// and reaped when this is destroyed.
class ThrowAwayClient {
public:
    /// Forks; `procs` is open on the cgroup.procs that the child joins.
    explicit ThrowAwayClient(int procs);
    ~ThrowAwayClient();
    ThrowAwayClient(const ThrowAwayClient&) = delete;

    /// Connects a new socket of `type` (SOCK_STREAM, SOCK_DGRAM) to an IPv4 endpoint. Returns errno.
    int connect(int type, const Endpoint& to);
    /// What recv() on the socket connected last fails with; EAGAIN: nothing happened to it.
    int error_of_last();

private:
    struct Request;
    int ask(const Request& request);
    [[noreturn]] static void serve(int channel);

    pid_t pid_ = -1;
    UniqueFd channel_;
};

}  // namespace reseat::bpf
