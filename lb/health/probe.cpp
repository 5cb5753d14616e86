// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe.hpp"

#include "lb/health/exec_probe.hpp"
#include "lb/health/grpc_probe.hpp"
#include "lb/health/http_probe.hpp"
#include "lb/health/tcp_probe.hpp"
#include "lb/health/udp_probe.hpp"

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

std::unique_ptr<Probe> make_probe(const HealthCheck& check, const ProbeTarget& target,
                                  const ProbeMeans& means) {
    const Endpoint& endpoint = target.endpoint;
    switch (check.type) {
        case CheckType::tcp:
            return std::make_unique<TcpProbe>(check.tcp, endpoint, means.prepare);
        case CheckType::http:
            return std::make_unique<HttpProbe>(check.http, check.tls, endpoint, means.prepare);
        case CheckType::udp:
            return std::make_unique<UdpProbe>(check.udp, endpoint, means.prepare);
        case CheckType::none:
            return nullptr;
        case CheckType::grpc:
            return std::make_unique<GrpcProbe>(check.grpc, check.tls, endpoint, means.prepare);
        case CheckType::exec:
            return std::make_unique<ExecProbe>(check.exec, target, means);
    }
    return nullptr;
}

}  // namespace reseat::lb
