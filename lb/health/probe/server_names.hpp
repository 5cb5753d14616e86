// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/probe.hpp"

namespace reseat::lb {

/// What a check calls the server that it asks.
struct ServerNames {
    std::string host;  ///< the Host header, or the authority of gRPC
    std::string tls;   ///< for SNI and in the certificate; empty: the certificate must have the address
};

/// The first that is given of: the backend's own host, the check's, the DNS name that has the address, the
/// address. For TLS a `server_name` comes before all of them, the backend's own before the check's.
ServerNames server_names(const HealthCheck& check, const ProbeTarget& target);

}  // namespace reseat::lb
