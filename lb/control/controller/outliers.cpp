// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller/outliers.hpp"

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
bool Outliers::gets_answers(TrackedService& service) const {
    for (const BackendRecord& record : service.state.backends) {
        if (service.answers) break;
        service.answers = record.life && state_.plane.connect_outcomes(record.life->id).answered;
    }
    return service.answers;
}

void Outliers::on_failing_connect(LifeId life) {
    const auto place = state_.registry.find_life(life);
    if (!place || !place->record().life || place->record().life->id != life) return;
    state_.on_suspect(place->stats().id);
    if (!place->service->state.service->outlier_detection.enabled) return;
    failing_.insert(life);
    state_.wake();
}

void Outliers::turn(TimePoint now) {
    for (const LifeId life : std::exchange(failing_, {}))
        if (const auto place = state_.registry.find_life(life)) judge(*place, life, now);
    look(now);
}

void Outliers::judge(const Place& place, LifeId life, TimePoint now) {
    const ServiceState& service = place.service->state;
    const OutlierDetection& settings = service.service->outlier_detection;
    if (!settings.enabled || !place.record().life || place.record().life->id != life) return;
    if (!can_be_spared(service, place.backend) || !has_room(service)) return;
    const ConnectOutcomes outcomes = state_.plane.connect_outcomes(life);
    const bool answers = outcomes.unanswered_in_a_row > 0 && gets_answers(*place.service);
    const auto reason = outlier_reason(settings, outcomes, answers);
    if (!reason) return;
    BackendStats& stats = place.stats();
    const Duration length = stats.outlier.eject(settings, now);
    stats.ejection =
        fmt::format("{}, for {} (ejection {})", *reason, to_text(length), stats.outlier.multiplier());
    stats.since = std::chrono::system_clock::now();
    on_ejection(place.service->state, place.backend, true);
    state_.note_transition(stats, Transition::Kind::ejected, stats.ejection, life);
    state_.agenda.wake(service.id);
    if (!looks_.is_set(service.id)) looks_.done(service.id, now + settings.interval);
}

void Outliers::look(TimePoint now) {
    for (const ServiceId id : looks_.due(now)) {
        TrackedService* service = state_.registry.find(id);
        bool pending = false;
        for (std::size_t i = 0; service && i < service->stats.size(); ++i) {
            OutlierDetector& outlier = service->stats[i].outlier;
            if (outlier.look(service->state.service->outlier_detection, now))
                readmit({service, i}, "the ejection is over");
            pending |= outlier.is_pending();
        }
        looks_.done(id, pending ? std::optional(now + service->state.service->outlier_detection.interval)
                                : std::nullopt);
    }
}

void Outliers::on_recovery(const Place& place) {
    place.stats().outlier.readmit();
    readmit(place, "its health checks failed as well and pass again");
}

void Outliers::readmit_the_last(TrackedService& service) {
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

void Outliers::readmit(const Place& place, std::string why) {
    BackendStats& stats = place.stats();
    stats.ejection.clear();
    stats.since = std::chrono::system_clock::now();
    on_ejection(place.service->state, place.backend, false);
    if (const auto& life = place.record().life) state_.plane.forgive(life->id);
    state_.note_transition(stats, Transition::Kind::readmitted, std::move(why), 0);
    state_.agenda.wake(place.service->state.id);
}

void Outliers::review() {
    for (TrackedService* service : state_.registry.all())
        for (std::size_t i = 0; i < service->stats.size(); ++i) {
            OutlierDetector& outlier = service->stats[i].outlier;
            if (!outlier.ejected()) continue;
            state_.agenda.wake(service->state.id);
            if (service->state.service->outlier_detection.enabled) continue;
            outlier = {};
            readmit({service, i}, "outlier detection is off");
        }
}

}  // namespace reseat::lb
