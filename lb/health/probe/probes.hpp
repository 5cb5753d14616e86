// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/connection.hpp"

#include <memory>
#include <string>

/// A probe for each type of check.
namespace reseat::lb {

class ConnectionWatch;

/// Connects, over TLS where that is asked for; sends `check.send` and waits for `check.expect` where given.
/// With none of these the handshake is left unfinished (SYN, SYN/ACK, RST, as HAProxy does): the server's
/// application never sees the connection, cannot count it as a failed login, and a hung one does not
/// collect dead connections in its queue [E68]. Otherwise the connection is closed in order (FIN), unless a
/// `watch` wants it.
std::unique_ptr<Probe> tcp_probe(TcpCheck check, Dial dial, ConnectionWatch* watch = nullptr);

/// One HTTP/1.1 request over a connection of its own; read_http_answer() judges what comes back.
/// Redirects are not followed: their status is judged.
/// Headers in `check.headers` replace the default ones (Host, User-Agent, Connection).
std::unique_ptr<Probe> http_probe(HttpCheck check, const std::string& host, Dial dial);

/// One call of grpc.health.v1.Health/Check over a connection of its own: HTTP/2 with prior knowledge, or over
/// TLS with ALPN. Passes on SERVING. Reads at most 64 KiB.
std::unique_ptr<Probe> grpc_probe(GrpcCheck check, std::string authority, Dial dial);

/// Sends one datagram (an empty one where `check.send` is empty) and waits for one that contains
/// `check.expect`. Without `expect` any datagram passes, and so does silence: a backend that listens need
/// not answer. ICMP "unreachable" is given min(timeout, 100 ms) to come; longer would only delay the pass.
std::unique_ptr<Probe> udp_probe(UdpCheck check, const Endpoint& endpoint, SocketPreparer prepare);

/// Runs a command; exit status 0 passes. It finds RESEAT_SERVICE, RESEAT_BACKEND, RESEAT_ADDRESS and
/// RESEAT_PORT in its environment. The first line that it prints explains the result. At the timeout it is
/// killed with its process group, as it is when it prints more than 64 KiB; what it has left running when it
/// ends, too. One that cannot be run says nothing about the backend.
std::unique_ptr<Probe> exec_probe(ExecCheck check, const ProbeTarget& target, const ProbeMeans& means);

}  // namespace reseat::lb
