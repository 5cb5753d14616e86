// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe_socket.hpp"

namespace reseat::lb {

/// Connects; sends `check.send` and waits for `check.expect` where given ("connected").
/// With neither, the handshake is left unfinished (SYN, SYN/ACK, RST, as HAProxy does): the server's
/// application never sees the connection, cannot count it as a failed login, and a hung one does not
/// collect dead connections in its queue [E68]. Otherwise the connection is closed in order (FIN).
class TcpProbe final : public Probe {
public:
    TcpProbe(TcpCheck check, const Endpoint& endpoint, SocketPreparer prepare);

    Task<ProbeResult> once(Duration timeout) override;

private:
    Task<ProbeResult> attempt(Progress& progress);
    Task<ProbeResult> read_answer(asio::ip::tcp::socket& socket, Progress& progress);

    TcpCheck check_;
    Endpoint endpoint_;
    SocketPreparer prepare_;
};

}  // namespace reseat::lb
