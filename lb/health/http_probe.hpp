// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/connection.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace reseat::lb {

/// One HTTP/1.1 request over a connection of its own. Passes if the status is expected and, where
/// `check.expect_body` is given, the first 64 KiB of the body contain it; without it the body is not read.
/// Redirects are not followed: their status is judged. A header of more than 8 KiB is a bad answer.
/// Headers in `check.headers` replace ours (Host, User-Agent, Connection).
class HttpProbe final : public Probe {
public:
    /// With `tls.context`, over TLS.
    HttpProbe(HttpCheck check, const TlsCheck& tls, const Endpoint& endpoint, SocketPreparer prepare);

    Task<ProbeResult> once(Duration timeout) override;

private:
    using Parser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

    Task<ProbeResult> attempt(Progress& progress);
    Task<ProbeResult> read_answer(Connection& connection);
    Task<ProbeResult> read_body(Connection& connection, boost::beast::flat_buffer& buffer, Parser& parser);
    bool expected(unsigned status) const;

    HttpCheck check_;
    Dial dial_;
    std::string request_;
    std::string asked_;  ///< "GET /ready", cut where it is long
};

}  // namespace reseat::lb
