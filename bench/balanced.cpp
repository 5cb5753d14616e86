// SPDX-License-Identifier: Apache-2.0
#include "bench/balanced.hpp"

namespace reseat::bench {

Balanced::Balanced(const Stage& stage, const std::vector<lb::Service>& services,
                   const bpf::KernelOptions& options, const std::vector<lb::AccessPolicy>& policies) {
    auto plane = bpf::KernelDataPlane::attach(loop_.get_executor(), stage.cgroup(), options);
    if (!plane) throw std::runtime_error(plane.error().message);
    plane_ = std::move(*plane);
    controller_ = std::make_unique<lb::Controller>(loop_.get_executor(), *plane_, services, policies);
    if (auto started = controller_->start(); !started) throw std::runtime_error(started.error().message);
    const lb::HealthEvent passed{true, lb::ProbeOutcome::passed, "connected"};
    for (const lb::CheckTarget& target : controller_->targets())
        controller_->on_check(
            target.id,
            {.result = {passed.outcome, passed.reason, {}}, .at = std::chrono::system_clock::now()}, passed);
    loop_.poll();
    watch_ = spawn(loop_.get_executor(), "kernel events",
                   plane_->watch([this](lb::LifeId life) { controller_->on_raced_connect(life); },
                                 [this](lb::LifeId life) { controller_->on_failing_connect(life); }),
                   [](const std::string& failure) { throw std::runtime_error(failure); });
}

/// Coroutines end before the data plane that they use.
Balanced::~Balanced() {
    watch_ = {};
    loop_.poll();
    controller_.reset();
    work_.reset();
    loop_.run_for(std::chrono::seconds(3));
}

double Balanced::settle() {
    const std::int64_t start = now_ns();
    loop_.poll();
    return milliseconds_between(start, now_ns());
}

lb::TerminationReport Balanced::last_report(std::size_t service) const {
    const auto failover = status().at(service).last_failover;
    return failover ? failover->report : lb::TerminationReport{};
}

void Balanced::verdict(std::size_t service, std::size_t backend, bool healthy) {
    const auto outcome = healthy ? lb::ProbeOutcome::passed : lb::ProbeOutcome::no_answer;
    const lb::HealthEvent event{healthy, outcome, healthy ? "connected" : "no answer"};
    const lb::CheckStatus status{.result = {outcome, event.reason, {}},
                                 .at = std::chrono::system_clock::now()};
    const std::vector<lb::ServiceStatus> all = controller_->status();
    const lb::Service& of = *all.at(service).service;
    for (const lb::CheckTarget& target : controller_->targets())
        if (target.service == of.name && target.protocol == of.protocol &&
            target.endpoint == of.backends.at(backend).endpoint)
            controller_->on_check(target.id, status, event);
}

}  // namespace reseat::bench
