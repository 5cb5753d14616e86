// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/controller_impl.hpp"
#include "lb/control/plan/events.hpp"
#include "lb/health/probe/probe_socket.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reseat::lb {
namespace {

unsigned eligible_in(const ServiceState& state, Family family) {
    unsigned count = 0;
    for (std::size_t i = 0; i < state.backends.size(); ++i) {
        const Candidate one = candidate(state, i);
        count += one.family == family && is_eligible(one);
    }
    return count;
}

/// Never the last one that clients of its family can be sent to.
bool can_be_spared(const ServiceState& state, std::size_t backend) {
    const Candidate one = candidate(state, backend);
    return is_eligible(one) && eligible_in(state, one.family) > 1;
}

bool has_room(const ServiceState& state) {
    const auto ejected = std::ranges::count_if(
        state.backends, [](const BackendRecord& record) { return record.ejected && !record.removing; });
    const auto all =
        std::ranges::count_if(state.backends, [](const BackendRecord& record) { return !record.removing; });
    return may_eject(state.service->outlier_detection, static_cast<std::size_t>(all),
                     static_cast<std::size_t>(ejected));
}

}  // namespace

/// Whether requests to this service get answers. Once they do, that stays so.
bool Controller::Impl::gets_answers(TrackedService& service) const {
    for (const BackendRecord& record : service.state.backends) {
        if (service.answers) break;
        service.answers = record.life && plane.connect_outcomes(record.life->id).answered;
    }
    return service.answers;
}

/// Worth a probe at once, whatever becomes of it.
void Controller::Impl::on_failing_connect(LifeId life) {
    const auto place = registry.find_life(life);
    if (!place || !place->record().life || place->record().life->id != life) return;
    if (on_suspect) on_suspect(place->stats().id);
    if (!place->service->state.service->outlier_detection.enabled) return;
    failing.insert(life);
    loop.wake();
}

void Controller::Impl::judge_failing(TimePoint now) {
    for (const LifeId life : std::exchange(failing, {}))
        if (const auto place = registry.find_life(life)) judge_failing(*place, life, now);
}

void Controller::Impl::judge_failing(const Place& place, LifeId life, TimePoint now) {
    const ServiceState& state = place.service->state;
    const OutlierDetection& settings = state.service->outlier_detection;
    if (!settings.enabled || !place.record().life || place.record().life->id != life) return;
    if (!can_be_spared(state, place.backend) || !has_room(state)) return;
    const ConnectOutcomes outcomes = plane.connect_outcomes(life);
    const bool answers = outcomes.unanswered_in_a_row > 0 && gets_answers(*place.service);
    const auto reason = outlier_reason(settings, outcomes, answers);
    if (!reason) return;
    BackendStats& stats = place.stats();
    const Duration length = stats.outlier.eject(settings, now);
    stats.ejection =
        fmt::format("{}, for {} (ejection {})", *reason, to_text(length), stats.outlier.multiplier());
    stats.since = std::chrono::system_clock::now();
    on_ejection(place.service->state, place.backend, true);
    note_transition(stats, Transition::Kind::ejected, stats.ejection, life);
    agenda.wake(state.id);
    if (!looks.is_set(state.id)) looks.done(state.id, now + settings.interval);
}

void Controller::Impl::look_at_outliers(TimePoint now) {
    for (const ServiceId id : looks.due(now)) {
        TrackedService* service = registry.find(id);
        bool pending = false;
        for (std::size_t i = 0; service && i < service->stats.size(); ++i) {
            OutlierDetector& outlier = service->stats[i].outlier;
            if (outlier.look(service->state.service->outlier_detection, now))
                readmit({service, i}, "the ejection is over");
            pending |= outlier.is_pending();
        }
        looks.done(id, pending ? std::optional(now + service->state.service->outlier_detection.interval)
                               : std::nullopt);
    }
}

/// Ejection must not empty a service: what it took is given back where no other backend is left.
void Controller::Impl::readmit_the_last(TrackedService& service) {
    for (const Family family : {Family::v4, Family::v6}) {
        if (has_eligible(service.state, family)) continue;
        for (std::size_t i = 0; i < service.state.backends.size(); ++i) {
            Candidate one = candidate(service.state, i);
            if (one.family != family || !std::exchange(one.ejected, false) || !is_eligible(one)) continue;
            service.stats[i].outlier.readmit();
            readmit({&service, i}, "no other backend is left");
        }
    }
}

void Controller::Impl::readmit(const Place& place, std::string why) {
    BackendStats& stats = place.stats();
    stats.ejection.clear();
    stats.since = std::chrono::system_clock::now();
    on_ejection(place.service->state, place.backend, false);
    if (const auto& life = place.record().life) plane.forgive(life->id);
    note_transition(stats, Transition::Kind::readmitted, std::move(why), 0);
    agenda.wake(place.service->state.id);
}

/// After a reload: an ejected backend stays so only while detection is on and others are left.
void Controller::Impl::review_outliers() {
    for (TrackedService* service : registry.all())
        for (std::size_t i = 0; i < service->stats.size(); ++i) {
            OutlierDetector& outlier = service->stats[i].outlier;
            if (!outlier.ejected()) continue;
            agenda.wake(service->state.id);
            if (service->state.service->outlier_detection.enabled) continue;
            outlier = {};
            readmit({service, i}, "outlier detection is off");
        }
}

}  // namespace reseat::lb
