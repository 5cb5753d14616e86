// SPDX-License-Identifier: Apache-2.0
#include "lb/health/probe/make_probe.hpp"

#include "base/semaphore.hpp"
#include "lb/health/probe/host_probe.hpp"
#include "lb/health/probe/probes.hpp"
#include "lb/health/probe/server_names.hpp"
#include "lb/health/probe/watch.hpp"

namespace reseat::lb {
namespace {

/// Waits for a slot first: that time is not the backend's.
class ProbeInTurn final : public Probe {
public:
    ProbeInTurn(std::unique_ptr<Probe> probe, std::shared_ptr<Semaphore> slots)
        : probe_(std::move(probe)), slots_(std::move(slots)) {}

    Task<ProbeResult> once(Duration timeout) override {
        auto slot = slots_->take_at_once();
        if (!slot) slot = co_await slots_->take();
        co_return co_await probe_->once(timeout);
    }

private:
    std::unique_ptr<Probe> probe_;
    std::shared_ptr<Semaphore> slots_;
};

std::unique_ptr<Probe> make_at_once(const HealthCheck& check, const ProbeTarget& target,
                                    const ProbeMeans& means, ConnectionWatch* watch) {
    auto [host, server_name] = server_names(check, target);
    Dial dial{target.endpoint, means.prepare, check.tls};
    dial.tls.server_name = std::move(server_name);
    switch (check.type) {
        case CheckType::tcp:
            return tcp_probe(check.tcp, std::move(dial), watch);
        case CheckType::http:
            return http_probe(check.http, std::move(host), std::move(dial));
        case CheckType::udp:
            return udp_probe(check.udp, target.endpoint, means.prepare);
        case CheckType::none:
            return nullptr;
        case CheckType::grpc:
            return grpc_probe(check.grpc, std::move(host), std::move(dial));
        case CheckType::exec:
            return exec_probe(check.exec, target, means);
    }
    return nullptr;
}

/// Its silence is the host's, always.
bool is_plain_connect(const HealthCheck& check, const ProbeTarget& target) {
    return check.type == CheckType::tcp && check.tcp == TcpCheck{} && !check.tls.context &&
           target.endpoint == target.serves;
}

std::unique_ptr<Probe> assemble(const HealthCheck& check, const ProbeTarget& target, const ProbeMeans& means,
                                ConnectionWatch* watch) {
    auto probe = make_at_once(check, target, means, watch);
    const auto& slots = check.type == CheckType::exec ? means.commands : means.probes;
    if (probe && slots) probe = std::make_unique<ProbeInTurn>(std::move(probe), slots);
    if (!probe || !target.serves || is_plain_connect(check, target)) return probe;
    return std::make_unique<HostProbe>(std::move(probe), *target.serves, check, target, means);
}

}  // namespace

std::unique_ptr<Probe> make_probe(const HealthCheck& check, const ProbeTarget& target,
                                  const ProbeMeans& means) {
    return assemble(check, target, means, nullptr);
}

std::unique_ptr<Probe> make_watched_probe(const HealthCheck& check, const ProbeTarget& target,
                                          const ProbeMeans& means, ConnectionWatch& watch) {
    return assemble(check, target, means, &watch);
}

}  // namespace reseat::lb
