// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller.hpp"

#include "lb/control/controller/controller_impl.hpp"

#include <functional>

namespace reseat::lb {

Controller::Impl::Impl(asio::any_io_executor with, DataPlane& to, EventSink sink,
                       std::vector<Service> services, std::vector<AccessPolicy> list)
    : executor(std::move(with)),
      plane(to),
      tell(std::move(sink)),
      first_services(std::move(services)),
      policies(std::move(list)),
      next_life(plane.first_unused_life()),
      runner(executor, plane, [this](const auto& order, const auto& report) { on_report(order, report); }),
      loop(executor, std::bind_front(&Impl::next_due, this), std::bind_front(&Impl::turn, this)) {}

Controller::Impl::~Impl() {
    for (const auto& waiting : awaited) {
        waiting->over = true;
        waiting->done.cancel();
    }
}

Controller::Controller(asio::any_io_executor executor, DataPlane& plane, std::vector<Service> services,
                       std::vector<AccessPolicy> policies, EventSink tell)
    : impl_(std::make_unique<Impl>(std::move(executor), plane, std::move(tell), std::move(services),
                                   std::move(policies))) {}

Controller::~Controller() = default;

Result<void> Controller::start() {
    return impl_->start();
}

Result<std::vector<std::string>> Controller::reload(std::vector<Service> services,
                                                    std::vector<AccessPolicy> policies) {
    return impl_->reload(std::move(services), std::move(policies));
}

Result<void> Controller::change_backends(std::vector<Service> services) {
    if (auto done = impl_->reload(std::move(services), impl_->policies); !done) return done.error();
    return {};
}

std::vector<CheckTarget> Controller::targets() const {
    std::vector<CheckTarget> targets;
    for (const TrackedService* service : impl_->registry.all()) {
        const Service& config = *service->state.service;
        if (config.health_check.type == CheckType::none) continue;
        for (std::size_t i = 0; i < config.backends.size(); ++i) {
            const BackendRecord& record = service->state.backends[i];
            const BackendStats& stats = service->stats[i];
            // What did not serve before this process started is down, and up with the first check that
            // passes.
            const bool is_guess = !stats.checked && record.health == Health::down;
            const KnownHealth known{is_guess ? Health::unchecked : record.health, record.evidence};
            targets.push_back({probe_target(config, config.backends[i]), stats.id, config.health_check, known,
                               stats.mode, config.protocol});
        }
    }
    return targets;
}

void Controller::on_targets_changed(std::function<void()> changed) {
    impl_->on_targets_changed = std::move(changed);
}

void Controller::on_check(BackendId backend, const CheckStatus& status,
                          const std::optional<HealthEvent>& event) {
    const auto place = impl_->registry.find_backend(backend);
    if (!place) return;
    place->stats().check = status;
    place->stats().checked = true;
    place->stats().checks.add(status);
    if (status.result.outcome != ProbeOutcome::not_probed) place->service->checks.add(status.result.latency);
    impl_->uncheckable.on_check(backend, place->service->state.service, place->config().name, status.result);
    if (impl_->never_checked.erase(backend) && impl_->told_together.contains(backend)) {
        if (event && event->healthy)
            ++impl_->first_ups;
        else
            impl_->told_together.erase(backend);
    }
    impl_->judge_network(*place, status.result, std::chrono::steady_clock::now());
    BackendRecord& record = place->record();
    if (record.presumed && status.result.outcome == ProbeOutcome::passed) {
        record.presumed = false;
        impl_->agenda.wake(place->service->state.id);
        impl_->loop.wake();
    }
    if (status.forgot) {
        impl_->heard_restarts.push_back({backend, *status.forgot});
        impl_->loop.wake();
    }
    if (!event) return;
    impl_->heard.push_back({backend, *event});
    impl_->loop.wake();
}

std::set<Endpoint> Controller::passing(std::string_view service, Protocol protocol) const {
    std::set<Endpoint> well;
    const TrackedService* tracked = impl_->registry.find(service, protocol);
    if (!tracked || tracked->state.service->health_check.type == CheckType::none) return well;
    for (std::size_t i = 0; i < tracked->state.backends.size(); ++i) {
        const BackendRecord& record = tracked->state.backends[i];
        if (record.health == Health::up && !record.ejected && !record.removing)
            well.insert(tracked->state.service->backends[i].endpoint);
    }
    return well;
}

bool Controller::first_round_over() const {
    return impl_->never_checked.empty();
}

std::size_t Controller::untold_first_ups() const {
    return impl_->first_ups;
}

std::vector<ServiceStatus> Controller::status() const {
    std::vector<ServiceStatus> all;
    for (const TrackedService* service : impl_->registry.all())
        all.push_back(status_of(*service, impl_->plane, impl_->runner));
    return all;
}

std::vector<ServiceId> Controller::services() const {
    std::vector<ServiceId> ids;
    for (const TrackedService* service : impl_->registry.all()) ids.push_back(service->state.id);
    return ids;
}

std::optional<ServiceStatus> Controller::status(ServiceId service, bool history) const {
    const TrackedService* tracked = impl_->registry.find(service);
    if (!tracked) return std::nullopt;
    return status_of(*tracked, impl_->plane, impl_->runner, history);
}

std::vector<PolicyStatus> Controller::policies() const {
    std::map<std::string, std::uint64_t> refused;
    for (const auto& [policy, count] : impl_->plane.policy_denials()) refused[policy] = count;
    std::vector<PolicyStatus> all;
    for (const AccessPolicy& policy : impl_->policies) {
        const auto ended = impl_->terminated_by_policy.find(policy.name);
        all.push_back({policy.name, policy.action, refused[policy.name],
                       ended == impl_->terminated_by_policy.end() ? 0 : ended->second});
    }
    return all;
}

void Controller::on_raced_connect(LifeId life) {
    impl_->on_raced_connect(life);
}

void Controller::on_failing_connect(LifeId life) {
    impl_->on_failing_connect(life);
}

void Controller::on_suspect(std::function<void(BackendId)> suspected) {
    impl_->on_suspect = std::move(suspected);
}

void Controller::on_check_mode(std::function<void(BackendId, CheckMode)> changed) {
    impl_->on_check_mode = std::move(changed);
}

}  // namespace reseat::lb
