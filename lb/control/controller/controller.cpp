// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller.hpp"

#include "lb/control/controller/controller_impl.hpp"

#include <functional>

namespace reseat::lb {

Controller::Impl::Impl(asio::any_io_executor executor, DataPlane& plane, EventSink tell,
                       std::vector<Service> services, std::vector<AccessPolicy> list)
    : state(plane, std::move(tell)),
      first_services(std::move(services)),
      policies(std::move(list)),
      outliers(state),
      health(state, outliers),
      orders(state, executor, [this](LifeId life) { publisher.on_report(life); }),
      publisher(state, orders.runner()),
      loop(executor, std::bind_front(&Impl::next_due, this), std::bind_front(&Impl::turn, this)) {
    state.wake = [this] { loop.wake(); };
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
    for (const TrackedService* service : impl_->state.registry.all()) {
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
    impl_->health.on_check(backend, status, event);
}

std::set<Endpoint> Controller::passing(std::string_view service, Protocol protocol) const {
    std::set<Endpoint> well;
    const TrackedService* tracked = impl_->state.registry.find(service, protocol);
    if (!tracked || tracked->state.service->health_check.type == CheckType::none) return well;
    for (std::size_t i = 0; i < tracked->state.backends.size(); ++i) {
        const BackendRecord& record = tracked->state.backends[i];
        if (record.health == Health::up && !record.ejected && !record.removing)
            well.insert(tracked->state.service->backends[i].endpoint);
    }
    return well;
}

std::set<Endpoint> Controller::failing(std::string_view service, Protocol protocol) const {
    std::set<Endpoint> bad;
    const TrackedService* tracked = impl_->state.registry.find(service, protocol);
    if (!tracked) return bad;
    for (std::size_t i = 0; i < tracked->state.backends.size(); ++i) {
        const BackendRecord& record = tracked->state.backends[i];
        if (record.health == Health::down || record.ejected)
            bad.insert(tracked->state.service->backends[i].endpoint);
    }
    return bad;
}

bool Controller::first_round_over() const {
    return impl_->health.first_round_over();
}

std::size_t Controller::untold_first_ups() const {
    return impl_->health.untold_first_ups();
}

std::vector<ServiceStatus> Controller::status() const {
    std::vector<ServiceStatus> all;
    for (const TrackedService* service : impl_->state.registry.all())
        all.push_back(status_of(*service, impl_->state.plane, impl_->orders.runner()));
    return all;
}

std::vector<ServiceId> Controller::services() const {
    std::vector<ServiceId> ids;
    for (const TrackedService* service : impl_->state.registry.all()) ids.push_back(service->state.id);
    return ids;
}

std::optional<ServiceStatus> Controller::status(ServiceId service, bool history) const {
    const TrackedService* tracked = impl_->state.registry.find(service);
    if (!tracked) return std::nullopt;
    return status_of(*tracked, impl_->state.plane, impl_->orders.runner(), history);
}

std::vector<PolicyStatus> Controller::policies() const {
    std::map<std::string, std::uint64_t> refused;
    for (const auto& [policy, count] : impl_->state.plane.policy_denials()) refused[policy] = count;
    std::vector<PolicyStatus> all;
    for (const AccessPolicy& policy : impl_->policies)
        all.push_back(
            {policy.name, policy.action, refused[policy.name], impl_->orders.terminated_by(policy.name)});
    return all;
}

void Controller::on_raced_connect(LifeId life) {
    impl_->orders.give_again(life);
}

void Controller::on_failing_connect(LifeId life) {
    impl_->outliers.on_failing_connect(life);
}

void Controller::on_suspect(std::function<void(BackendId)> suspected) {
    impl_->state.on_suspect = std::move(suspected);
}

void Controller::on_check_mode(std::function<void(BackendId, CheckMode)> changed) {
    impl_->on_check_mode = std::move(changed);
}

}  // namespace reseat::lb
