// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe_socket.hpp"

namespace reseat::lb {

/// Sends one datagram (an empty one where `check.send` is empty) and waits for one that contains
/// `check.expect`. Without `expect` any datagram passes, and so does silence: a backend that listens need
/// not answer. ICMP "unreachable" is given min(timeout, 100 ms) to come; longer would only delay the pass.
class UdpProbe final : public Probe {
public:
    UdpProbe(UdpCheck check, const Endpoint& endpoint, SocketPreparer prepare);

    Task<ProbeResult> once(Duration timeout) override;

private:
    Task<ProbeResult> attempt(Progress& progress);
    Task<ProbeResult> read_answers(asio::ip::udp::socket& socket, Progress& progress);

    UdpCheck check_;
    Endpoint endpoint_;
    SocketPreparer prepare_;
};

}  // namespace reseat::lb
