// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe.hpp"

#include "lb/health/http_probe.hpp"
#include "lb/health/tcp_probe.hpp"
#include "lb/health/udp_probe.hpp"

#include <stdexcept>

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
        case ProbeOutcome::not_probed:
            return "not_probed";
    }
    return "unknown";
}

std::unique_ptr<Probe> make_probe(const HealthCheck& check, const Endpoint& backend, SocketPreparer prepare) {
    Endpoint endpoint = backend;
    if (check.port != 0) endpoint.port = check.port;
    switch (check.type) {
        case CheckType::tcp:
            return std::make_unique<TcpProbe>(check.tcp, endpoint, std::move(prepare));
        case CheckType::http:
            return std::make_unique<HttpProbe>(check.http, endpoint, std::move(prepare));
        case CheckType::udp:
            return std::make_unique<UdpProbe>(check.udp, endpoint, std::move(prepare));
        case CheckType::none:
            return nullptr;
        case CheckType::grpc:
        case CheckType::exec:
            break;
    }
    throw std::invalid_argument("this build has no health checks of type grpc or exec");
}

}  // namespace reseat::lb
