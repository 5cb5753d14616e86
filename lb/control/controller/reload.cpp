// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/differences.hpp"
#include "lb/control/plan/events.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

/// Addresses at which sockets older than reseat are to be ended now.
std::vector<Endpoint> newly_cleared(const Service* before, const Service& now) {
    if (now.connections.untracked != Untracked::terminate) return {};
    const bool were_cleared = before && before->connections.untracked == Untracked::terminate;
    std::vector<Endpoint> addresses;
    for (const Endpoint& address : now.addresses)
        if (!were_cleared || std::ranges::find(before->addresses, address) == before->addresses.end())
            addresses.push_back(address);
    return addresses;
}

}  // namespace

/// All or nothing: first the whole draft, then one plan.
Result<std::vector<std::string>> Controller::Impl::reload(std::vector<Service> services,
                                                          std::vector<AccessPolicy> with) {
    const TimePoint now = std::chrono::steady_clock::now();
    fold(now);
    if (auto done = decide(now); !done) {
        loop.wake();
        return done.error();
    }
    Draft draft = draft_all(services, std::move(with));
    const bool other_policies = draft.policies != policies;
    if (draft.changes.empty() && !other_policies) {
        registry.reorder(draft.order);
        return draft.lines;
    }
    if (other_policies)
        if (auto done = plane.set_policies(draft.policies); !done) return done.error();
    if (auto done = apply(draft, now); !done) {
        if (other_policies)
            if (auto restored = plane.set_policies(policies); !restored)
                tell({.type = Event::Type::warning,
                      .level = Event::Level::error,
                      .message = "cannot restore the policies: " + restored.error().message});
        return done.error();
    }
    return draft.lines;
}

Draft Controller::Impl::draft_all(std::vector<Service>& services, std::vector<AccessPolicy> with) {
    Draft draft{.policies = std::move(with)};
    std::set<ServiceId> stay;
    for (Service& service : services) {
        TrackedService* running = registry.find(service.name, service.protocol);
        if (running) stay.insert(running->state.id);
        if (running && running->configured && *running->configured == service)
            draft_policies(draft, *running);
        else
            draft_service(draft, running, std::move(service));
        draft.order.push_back(running);
    }
    for (TrackedService* running : registry.all()) {
        if (stay.contains(running->state.id)) continue;
        draft.order.push_back(running);
        if (!running->configured) continue;
        draft.lines.push_back(removed(running->state));
        draft.changes.push_back({.running = running, .reconfigured = remove(running->state)});
    }
    for (std::string& line : differences(policies, draft.policies)) draft.lines.push_back(std::move(line));
    // Those of a service for both protocols are the same twice.
    std::set<std::string> told;
    std::erase_if(draft.lines, [&](const std::string& line) { return !told.insert(line).second; });
    return draft;
}

void Controller::Impl::draft_service(Draft& draft, TrackedService* running, Service service) {
    const auto configured = std::make_shared<const Service>(std::move(service));
    Draft::Change change{.running = running, .configured = configured};
    if (running) {
        for (std::string& line : differences(running->state, *configured))
            draft.lines.push_back(std::move(line));
        change.reconfigured = reconfigure(running->state, *configured);
        ServiceState& state = change.reconfigured.state;
        if (state.backends.size() == configured->backends.size()) state.service = configured;
    } else {
        draft.lines.push_back(added(*configured));
        change.reconfigured.state = initial_state(configured, registry.new_id());
        change.reconfigured.origins.resize(configured->backends.size());
    }
    on_policies(change.reconfigured.state, draft.policies);
    draft.changes.push_back(std::move(change));
}

/// A service that stays as it is may still have backends that are denied now.
void Controller::Impl::draft_policies(Draft& draft, TrackedService& running) {
    if (draft.policies == policies) return;
    Reconfigured same{.state = running.state};
    if (!on_policies(same.state, draft.policies)) return;
    for (std::size_t i = 0; i < same.state.backends.size(); ++i) same.origins.emplace_back(i);
    draft.changes.push_back(
        {.running = &running, .configured = running.configured, .reconfigured = std::move(same)});
}

Result<void> Controller::Impl::apply(Draft& draft, TimePoint now) {
    std::vector<ServiceDecision> decisions;
    Plan plan;
    for (const Draft::Change& change : draft.changes) {
        const ServiceState& state = change.reconfigured.state;
        decisions.push_back({state.id, make_plan(state, next_life, now)});
        append(plan, decisions.back().decision.plan);
    }
    if (auto done = publish(plan); !done) {
        undo(draft, plan);
        return done;
    }
    for (Draft::Change& change : draft.changes) install(draft, change);
    std::erase(draft.order, nullptr);
    registry.reorder(draft.order);
    const bool other_policies = std::exchange(policies, draft.policies) != draft.policies;
    note_configuration();
    commit(decisions, plan, now);
    review_outliers();
    enforcement_due |= other_policies;
    if (enforcement_due && before_enforcement.empty()) enforce_policies();
    targets_changed = true;
    loop.wake();
    return {};
}

void Controller::Impl::install(Draft& draft, Draft::Change& change) {
    const Service* before = change.running ? change.running->configured.get() : nullptr;
    if (change.configured) clear_untracked(*change.configured, newly_cleared(before, *change.configured));
    if (change.running) {
        take(*change.running, std::move(change.reconfigured), next_backend);
        change.running->configured = change.configured;
        registry.index(*change.running);
        return;
    }
    TrackedService& added =
        registry.add(track(std::move(change.reconfigured.state), change.configured, next_backend));
    *std::ranges::find(draft.order, nullptr) = &added;
}

/// The plan may be half carried out: what clients see of it is taken back with the next turn.
void Controller::Impl::undo(const Draft& draft, const Plan& plan) {
    for (const LifeSpec& begun : plan.begin) {
        undoing.condemn.push_back(begun.life);
        undoing.retire.push_back(begun.life);
    }
    for (const auto* moved : {&plan.drain, &plan.resume, &plan.condemn})
        for (const LifeId life : *moved)
            if (const auto place = registry.find_life(life)) {
                const auto& current = place->record().life;
                if (!current || current->id != life) continue;
                const bool serves = current->state == Life::State::serving;
                (serves ? undoing.resume : undoing.drain).push_back(life);
            }
    for (const Draft::Change& change : draft.changes) {
        const ServiceId id = change.reconfigured.state.id;
        if (!change.running) {
            undoing.remove_services.push_back(id);
            registry.give_back(id);
            continue;
        }
        ServiceState& state = change.running->state;
        for (FamilyState& family : state.families) family.uncertain = true;
        state.changed = state.added;
        agenda.wake(id);
    }
    loop.wake();
}

/// What is derived from the whole configuration.
void Controller::Impl::note_configuration() {
    untracked_kept.clear();
    const auto ends_untracked = [](const TrackedService* service) {
        return service->state.service->connections.untracked == Untracked::terminate;
    };
    const bool any = std::ranges::any_of(registry.all(), ends_untracked);
    for (const TrackedService* tracked : registry.all()) {
        if (!tracked->configured) continue;
        const Service& service = *tracked->configured;
        if (!any || ends_untracked(tracked)) continue;
        for (const Endpoint& address : service.addresses) untracked_kept.insert({service.protocol, address});
        for (const Backend& backend : service.backends)
            untracked_kept.insert({service.protocol, backend.endpoint});
    }
    std::erase_if(never_checked, [&](BackendId backend) {
        const auto place = registry.find_backend(backend);
        return !place || place->record().removing ||
               place->service->state.service->health_check.type == CheckType::none;
    });
}

}  // namespace reseat::lb
