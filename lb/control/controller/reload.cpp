// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/differences.hpp"
#include "lb/control/plan/events.hpp"
#include "lb/control/report/wording.hpp"

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
    health.fold(now);
    if (auto done = decide(now); !done) {
        loop.wake();
        return done.error();
    }
    Draft draft = draft_all(services, std::move(with));
    const bool other_policies = draft.policies != policies;
    if (draft.changes.empty() && !other_policies) {
        state.registry.reorder(draft.order);
        return draft.lines;
    }
    if (other_policies)
        if (auto done = state.plane.set_policies(draft.policies); !done) return done.error();
    if (auto done = apply(draft, now); !done) {
        if (other_policies)
            if (auto restored = state.plane.set_policies(policies); !restored)
                state.tell({.type = Event::Type::warning,
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
        TrackedService* running = state.registry.find(service.name, service.protocol);
        if (running) stay.insert(running->state.id);
        if (running && running->configured && *running->configured == service)
            draft_policies(draft, *running);
        else
            draft_service(draft, running, std::move(service));
        draft.order.push_back(running);
    }
    for (TrackedService* running : state.registry.all()) {
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
        ServiceState& service_state = change.reconfigured.state;
        if (service_state.backends.size() == configured->backends.size()) service_state.service = configured;
    } else {
        draft.lines.push_back(added(*configured));
        change.reconfigured.state = initial_state(configured, state.registry.new_id());
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
        const ServiceState& service = change.reconfigured.state;
        decisions.push_back({service.id, publisher.decide(service, now)});
        append(plan, decisions.back().decision.plan);
    }
    if (auto done = publisher.publish(plan); !done) {
        undo(draft, plan);
        return done;
    }
    for (Draft::Change& change : draft.changes) install(draft, change);
    std::erase(draft.order, nullptr);
    state.registry.reorder(draft.order);
    const bool other_policies = std::exchange(policies, draft.policies) != draft.policies;
    orders.note_configuration();
    health.review();
    commit(decisions, plan, now);
    outliers.review();
    if (other_policies) orders.require_enforcement();
    targets_changed = true;
    loop.wake();
    return {};
}

void Controller::Impl::install(Draft& draft, Draft::Change& change) {
    const Service* before = change.running ? change.running->configured.get() : nullptr;
    if (change.configured)
        orders.clear_untracked(*change.configured, newly_cleared(before, *change.configured));
    if (change.running) {
        take(*change.running, std::move(change.reconfigured), next_backend);
        change.running->configured = change.configured;
        state.registry.index(*change.running);
        return;
    }
    TrackedService& added =
        state.registry.add(track(std::move(change.reconfigured.state), change.configured, next_backend));
    *std::ranges::find(draft.order, nullptr) = &added;
}

void Controller::Impl::undo(const Draft& draft, const Plan& plan) {
    publisher.undo(plan);
    for (const Draft::Change& change : draft.changes) {
        const ServiceId id = change.reconfigured.state.id;
        if (!change.running) {
            publisher.undo_service(id);
            state.registry.give_back(id);
            continue;
        }
        ServiceState& service = change.running->state;
        for (FamilyState& family : service.families) family.uncertain = true;
        service.changed = service.added;
        state.agenda.wake(id);
    }
    loop.wake();
}

}  // namespace reseat::lb
