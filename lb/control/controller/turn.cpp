// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/events.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr Duration kPublishRetry = std::chrono::seconds(1);

}  // namespace

TimePoint Controller::Impl::next_due() const {
    if (const auto retry = publisher.retry_at()) return std::min(housekeeping_at, *retry);
    return std::min({housekeeping_at, state.agenda.next().value_or(housekeeping_at),
                     outliers.next().value_or(housekeeping_at)});
}

/// All that happened since the last turn becomes one plan.
void Controller::Impl::turn(TimePoint now) {
    health.fold(now);
    outliers.turn(now);
    if (now >= housekeeping_at) keep_house(now);
    publisher.retry(std::nullopt);
    if (auto done = decide(now); !done) {
        state.tell({.type = Event::Type::warning,
                    .level = Event::Level::error,
                    .message = "cannot update the data path, trying again in 1s: " + done.error().message});
        publisher.retry(now + kPublishRetry);
    }
    if (std::exchange(targets_changed, false) && on_targets_changed) on_targets_changed();
}

void Controller::Impl::keep_house(TimePoint now) {
    for (const LifeId life : publisher.look_for_vacated(now)) orders.give_again(life);
    orders.hurry(now);
    health.keep_house(now);
    orders.enforce_if_due();
    housekeeping_at = now + kHousekeeping;
}

Result<void> Controller::Impl::decide(TimePoint now) {
    if (auto done = publisher.publish_undoing(); !done) return done;
    std::vector<ServiceDecision> decisions;
    Plan plan;
    for (const ServiceId id : state.agenda.due(now)) {
        TrackedService* service = state.registry.find(id);
        if (!service) {
            state.agenda.forget(id);
            continue;
        }
        outliers.readmit_the_last(*service);
        decisions.push_back({id, publisher.decide(service->state, now)});
        append(plan, decisions.back().decision.plan);
    }
    if (auto done = publisher.publish(plan); !done) {
        publisher.doubt(plan);
        for (const auto& [id, decision] : decisions) {
            on_refused(state.registry.find(id)->state, decision.after);
            state.agenda.wake(id);
        }
        announce(false);
        return done;
    }
    commit(decisions, plan, now);
    return {};
}

}  // namespace reseat::lb
