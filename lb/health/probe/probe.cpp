// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/probe.hpp"

namespace reseat::lb {

std::string_view to_string(ProbeOutcome outcome) {
    switch (outcome) {
        case ProbeOutcome::passed:
            return "passed";
        case ProbeOutcome::no_answer:
            return "timeout";
        case ProbeOutcome::refused:
            return "refused";
        case ProbeOutcome::answered_badly:
            return "bad_answer";
        case ProbeOutcome::unresponsive:
            return "unresponsive";
        case ProbeOutcome::not_probed:
            return "not_probed";
    }
    return "unknown";
}

ProbeTarget probe_target(const Service& service, const Backend& backend) {
    return {.endpoint = checked_endpoint(service.health_check, backend),
            .service = service.name,
            .backend = backend.name,
            .dns_name = backend.dns_name,
            .server_name = backend.check.server_name,
            .host = backend.check.host,
            .serves = backend.endpoint};
}

}  // namespace reseat::lb
