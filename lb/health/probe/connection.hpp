// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe_socket.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace reseat::lb {

/// What a probe talks over: TCP, or TLS on top of it.
class Connection {
public:
    struct Read {
        error_code error;
        std::size_t size = 0;
    };
    virtual ~Connection() = default;

    /// At least one byte, or an error; `eof` at the peer's end.
    virtual Task<Read> read_some(std::span<char> into) = 0;
    virtual Task<error_code> write(std::string_view all) = 0;
    /// The socket, where it holds nothing but what was written and read; the connection is over then.
    virtual std::optional<asio::ip::tcp::socket> release() { return std::nullopt; }
    /// The meaning of what read_some() or write() failed with, as from talk_failure().
    virtual ProbeResult failure(const error_code& error, std::string_view what) const = 0;
};

/// The address to connect to, and how.
struct Dial {
    Endpoint endpoint;
    SocketPreparer prepare;
    TlsCheck tls;          ///< its `server_name` is that of ServerNames
    bool endless = false;  ///< TLS: the reader bounds what the peer may send
    bool h2 = false;       ///< TLS: ask for HTTP/2 by ALPN, and accept nothing else
};

}  // namespace reseat::lb
