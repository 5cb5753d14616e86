// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe.hpp"

namespace reseat::lb {

/// A connection to a backend that hangs, whose host acknowledges keepalive probes as long as it lives, also
/// when it drops new connections because the queue of the process is full. Never waits.
class HostWitness {
public:
    HostWitness(const Endpoint& endpoint, SocketPreparer prepare);
    ~HostWitness();
    HostWitness(const HostWitness&) = delete;

    /// Connects, unless it is there.
    void call();
    /// Whether the host has acknowledged a probe in the last moments.
    bool host_lives() const;
    void dismiss();

private:
    Endpoint endpoint_;
    SocketPreparer prepare_;
    int descriptor_ = -1;
};

}  // namespace reseat::lb
