// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/events.hpp"
#include "lb/control/report/wording.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::lb {
namespace {

/// What an earlier process left behind, by service.
class InheritedState {
public:
    explicit InheritedState(Inheritance inheritance) : all_(std::move(inheritance)) {
        for (auto& spec : all_.services) specs_[{spec.name, spec.protocol}] = &spec;
        for (auto& life : all_.lives) lives_[life.spec.service].push_back(life);
    }

    bool empty() const { return all_.services.empty() && all_.lives.empty(); }

    /// The state of a service, inherited or new; what is inherited is taken.
    ServiceState claim(const std::shared_ptr<const Service>& service, Registry& registry) {
        const auto found = specs_.find({service->name, service->protocol});
        if (found == specs_.end()) return initial_state(service, registry.new_id());
        const ServiceSpec& spec = *found->second;
        ServiceState state = inherit(service.get(), spec, take(spec.id), overrides_for(spec.id));
        if (state.backends.size() == service->backends.size()) state.service = service;
        specs_.erase(found);
        return state;
    }

    /// The states of services that were not claimed.
    std::vector<ServiceState> rest() {
        std::vector<ServiceState> states;
        for (const auto& [key, spec] : std::exchange(specs_, {}))
            states.push_back(inherit(nullptr, *spec, take(spec->id), overrides_for(spec->id)));
        for (const auto& [id, lives] : std::exchange(lives_, {}))
            states.push_back(inherit(nullptr, {.id = id, .name = "service " + std::to_string(id)}, lives));
        return states;
    }

private:
    std::vector<Inheritance::Life> take(ServiceId id) {
        auto lives = lives_.extract(id);
        return lives.empty() ? std::vector<Inheritance::Life>{} : std::move(lives.mapped());
    }

    std::vector<OperatorOverride> overrides_for(ServiceId id) const {
        const auto found = std::ranges::find(all_.overrides, id, &OperatorOverrides::service);
        return found == all_.overrides.end() ? std::vector<OperatorOverride>{} : found->overrides;
    }

    Inheritance all_;
    std::map<std::pair<std::string, Protocol>, const ServiceSpec*> specs_;
    std::map<ServiceId, std::vector<Inheritance::Life>> lives_;
};

}  // namespace

Result<void> Controller::Impl::start() {
    const TimePoint now = std::chrono::steady_clock::now();
    Inheritance inheritance = state.plane.inheritance();
    state.registry = Registry(inheritance.first_unused_service);
    if (!inheritance.lives.empty())
        state.tell({.type = Event::Type::started,
                    .message = fmt::format("adopted pinned state of a previous process: {}, {}",
                                           counted(inheritance.services.size(), "service"),
                                           inheritance.lives.size() == 1
                                               ? "1 backend life"
                                               : fmt::format("{} backend lives", inheritance.lives.size()))});
    InheritedState inherited(std::move(inheritance));
    if (!policies.empty() || !inherited.empty())
        if (auto done = state.plane.set_policies(policies); !done) return done;
    for (Service& service : std::exchange(first_services, {})) {
        auto configured = std::make_shared<const Service>(std::move(service));
        begin_service(inherited.claim(configured, state.registry), configured);
    }
    for (ServiceState& service : inherited.rest()) begin_service(std::move(service), nullptr);
    health.begin();
    orders.note_configuration();
    if (auto done = decide(now); !done) return done;
    if (!policies.empty()) orders.require_enforcement();
    housekeeping_at = now + kHousekeeping;
    loop.start();
    return {};
}

void Controller::Impl::begin_service(ServiceState service, std::shared_ptr<const Service> configured) {
    on_policies(service, policies);
    for (const Event& event : still_standing(service)) state.tell(event);
    const bool is_checked = service.service->health_check.type != CheckType::none;
    if (configured && configured->connections.untracked == Untracked::terminate)
        orders.clear_untracked(*configured, configured->addresses);
    TrackedService& added =
        state.registry.add(track(std::move(service), std::move(configured), next_backend));
    for (std::size_t i = 0; i < added.stats.size(); ++i)
        if (is_checked && !added.state.backends[i].removing) health.expect(added.stats[i].id);
    state.agenda.wake(added.state.id);
}

}  // namespace reseat::lb
