// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/connection.hpp"

namespace reseat::lb {

/// One call of grpc.health.v1.Health/Check over a connection of its own: HTTP/2 with prior knowledge, or over
/// TLS with ALPN. Passes on SERVING. Reads at most 64 KiB.
class GrpcProbe final : public Probe {
public:
    GrpcProbe(GrpcCheck check, std::string authority, Dial dial);

    Task<ProbeResult> once(Duration timeout) override;

private:
    Task<ProbeResult> attempt(Duration timeout, Progress& progress);

    GrpcCheck check_;
    Dial dial_;
    std::string authority_;
    std::string asked_;  ///< "Health/Check orders"
};

}  // namespace reseat::lb
