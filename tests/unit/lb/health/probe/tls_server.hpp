// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/unit/lb/health/probe/certificates.hpp"
#include "tests/unit/lb/health/probe/probe_server.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace reseat::lb::test {

using TlsStream = asio::ssl::stream<tcp::socket>;

/// A TLS server in this loop: `serve` gets each connection once hands were shaken.
class TlsServer {
public:
    using Serve = std::function<Task<void>(TlsStream&)>;
    struct Settings {
        Credentials own;
        std::string clients_authority;  ///< empty: clients need no certificate
        bool offers_h2 = false;
    };

    TlsServer(asio::io_context& io, const Settings& settings, Serve serve);

    Endpoint endpoint() const { return server_.endpoint(); }
    const std::string& asked_for() const { return asked_for_; }  ///< the latest SNI
    unsigned handshakes() const { return handshakes_; }          ///< that ended, well or not

private:
    Task<void> serve_one(tcp::socket socket);

    asio::ssl::context context_{asio::ssl::context::tls_server};
    Serve serve_;
    std::string asked_for_;
    unsigned handshakes_ = 0;
    TcpServer server_;
};

/// A `serve` that reads a request and answers with this.
TlsServer::Serve answer_with(std::string answer);

}  // namespace reseat::lb::test
