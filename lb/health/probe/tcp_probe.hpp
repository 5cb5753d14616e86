// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/connection.hpp"

namespace reseat::lb {

class ConnectionWatch;

/// Connects, over TLS where that is asked for; sends `check.send` and waits for `check.expect` where given.
/// With none of these the handshake is left unfinished (SYN, SYN/ACK, RST, as HAProxy does): the server's
/// application never sees the connection, cannot count it as a failed login, and a hung one does not
/// collect dead connections in its queue [E68]. Otherwise the connection is closed in order (FIN), unless a
/// `watch` wants it.
class TcpProbe final : public Probe {
public:
    TcpProbe(TcpCheck check, Dial dial, ConnectionWatch* watch = nullptr);

    Task<ProbeResult> once(Duration timeout) override;

private:
    Task<ProbeResult> attempt(Progress& progress);
    Task<ProbeResult> begin_to_connect(Progress& progress);
    Task<ProbeResult> talk(Progress& progress);
    Task<ProbeResult> converse(Connection& connection, Progress& progress);
    Task<ProbeResult> read_answer(Connection& connection, Progress& progress);

    TcpCheck check_;
    Dial dial_;
    ConnectionWatch* watch_;
};

}  // namespace reseat::lb
