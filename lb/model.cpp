// SPDX-License-Identifier: Apache-2.0
#include "lb/model.hpp"

namespace reseat::lb {

Endpoint checked_endpoint(const HealthCheck& check, const Backend& backend) {
    Endpoint endpoint = backend.endpoint;
    if (backend.check.address) endpoint.address = *backend.check.address;
    if (check.port != 0) endpoint.port = check.port;
    if (backend.check.port != 0) endpoint.port = backend.check.port;
    return endpoint;
}

}  // namespace reseat::lb
