// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/connection.hpp"

namespace reseat::lb {

/// One HTTP/1.1 request over a connection of its own; read_http_answer() judges what comes back.
/// Redirects are not followed: their status is judged.
/// Headers in `check.headers` replace the default ones (Host, User-Agent, Connection).
class HttpProbe final : public Probe {
public:
    /// `host` is the header.
    HttpProbe(HttpCheck check, const std::string& host, Dial dial);

    Task<ProbeResult> once(Duration timeout) override;

private:
    Task<ProbeResult> attempt(Progress& progress);

    HttpCheck check_;
    Dial dial_;
    std::string request_;
    std::string asked_;  ///< "GET /ready", cut where it is long, without a query: that may hold a secret
};

}  // namespace reseat::lb
