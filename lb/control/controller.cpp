// SPDX-License-Identifier: Apache-2.0
#include "lb/control/controller.hpp"

#include "lb/control/announcer.hpp"
#include "lb/control/decision_loop.hpp"
#include "lb/control/order_runner.hpp"
#include "lb/control/plan.hpp"
#include "lb/control/tracked_service.hpp"
#include "lb/control/wording.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <unordered_map>

namespace reseat::lb {
namespace {

constexpr Duration kHousekeeping = std::chrono::seconds(1);
constexpr Duration kPublishRetry = std::chrono::seconds(1);

struct Place {
    std::size_t service = 0;
    std::size_t backend = 0;
};

/// A verdict that was folded in and not yet told.
struct Transition {
    Place place;
    bool healthy = false;
    std::string reason;
    LifeId met = 0;  ///< the life that it met; 0: none
};

struct ServiceDecision {
    std::size_t service = 0;
    Decision decision;
};

}  // namespace

struct Controller::Impl {
    Impl(asio::any_io_executor with, DataPlane& to, std::vector<Service> list);

    Result<void> start();
    TimePoint next_due() const;

    /// One turn: all that happened since the last one becomes one plan.
    void turn(TimePoint now);
    Result<void> decide(TimePoint now);
    void commit(std::vector<ServiceDecision>& decisions, const Plan& plan);
    void give_orders(const ServiceDecision& decided, TimePoint now);
    void announce(bool carried_out);
    void find_vacated();
    void on_report(const ReseatOrder& order, const TerminationReport& report);
    void on_raced_connect(LifeId life);

    asio::any_io_executor executor;
    DataPlane& plane;
    const std::vector<Service> services;
    std::vector<TrackedService> tracked;
    std::unordered_map<LifeId, Place> places;
    std::vector<Transition> transitions;
    LifeId next_life;
    TimePoint housekeeping_at{};
    std::optional<TimePoint> publish_again_at;
    Announcer announcer;
    OrderRunner runner;
    DecisionLoop loop;
};

Controller::Impl::Impl(asio::any_io_executor with, DataPlane& to, std::vector<Service> list)
    : executor(std::move(with)),
      plane(to),
      services(std::move(list)),
      next_life(plane.first_unused_life()),
      runner(executor, plane, [this](const auto& order, const auto& report) { on_report(order, report); }),
      loop(
          executor, [this] { return next_due(); }, [this](TimePoint now) { turn(now); }) {
    for (std::size_t i = 0; i < services.size(); ++i)
        tracked.push_back(track(services[i], static_cast<ServiceId>(i + 1)));
}

Result<void> Controller::Impl::start() {
    const TimePoint now = std::chrono::steady_clock::now();
    if (auto done = decide(now); !done) return done;
    housekeeping_at = now + kHousekeeping;
    loop.start();
    return {};
}

TimePoint Controller::Impl::next_due() const {
    TimePoint due = housekeeping_at;
    if (publish_again_at) return std::min(due, *publish_again_at);
    for (const TrackedService& service : tracked)
        if (service.next) due = std::min(due, *service.next);
    return due;
}

void Controller::Impl::turn(TimePoint now) {
    if (now >= housekeeping_at) {
        find_vacated();
        announcer.hurry(now);
        housekeeping_at = now + kHousekeeping;
    }
    publish_again_at.reset();
    if (auto done = decide(now); !done) {
        spdlog::error("cannot change the data path, trying again in 1s: {}", done.error().message);
        publish_again_at = now + kPublishRetry;
    }
}

Result<void> Controller::Impl::decide(TimePoint now) {
    std::vector<ServiceDecision> decisions;
    Plan plan;
    for (std::size_t i = 0; i < tracked.size(); ++i) {
        TrackedService& service = tracked[i];
        if (!service.dirty && (!service.next || *service.next > now)) continue;
        service.dirty = true;  // until it is published
        decisions.push_back({i, make_plan(service.state, next_life, now)});
        append(plan, decisions.back().decision.plan);
    }
    std::vector<std::uint64_t> retired_connects;
    for (LifeId life : plan.retire) retired_connects.push_back(plane.connects_total(life));
    if (!plan.empty()) {
        if (auto done = plane.publish(plan); !done) {
            for (const auto& [i, decision] : decisions) on_refused(tracked[i].state, decision.after);
            announce(false);
            return done;
        }
    }
    for (std::size_t i = 0; i < plan.retire.size(); ++i) {
        const Place place = places.at(plan.retire[i]);
        tracked[place.service].news[place.backend].retired_connects += retired_connects[i];
    }
    commit(decisions, plan);
    for (const ServiceDecision& decided : decisions) give_orders(decided, now);
    announce(true);
    return {};
}

void Controller::Impl::commit(std::vector<ServiceDecision>& decisions, const Plan& plan) {
    for (auto& [i, decision] : decisions) {
        TrackedService& service = tracked[i];
        for (const std::string& line : losses(service.state, decision.after)) spdlog::warn("{}", line);
        service.state = std::move(decision.after);
        service.next = decision.next;
        service.dirty = false;
        for (std::size_t backend = 0; backend < service.state.backends.size(); ++backend)
            if (const auto& life = service.state.backends[backend].life) places[life->id] = {i, backend};
    }
    for (LifeId life : plan.resume) runner.withdraw(life);
    for (LifeId life : plan.retire) {
        places.erase(life);
        announcer.forget(life);
    }
}

/// A down verdict of this turn is told together with what its order brings.
void Controller::Impl::give_orders(const ServiceDecision& decided, TimePoint now) {
    const ServiceState& state = tracked[decided.service].state;
    for (const DueOrder& due : decided.decision.orders) {
        const auto told = std::ranges::find_if(transitions, [&](const Transition& transition) {
            return !transition.healthy && transition.met == due.order.life;
        });
        std::string about = subject(state, due.backend);
        std::string line;
        if (told != transitions.end()) {
            line = headline(state, due.backend, false, told->reason);
            transitions.erase(told);
        } else if (const auto cause = because(due.cause); !cause.empty()) {
            about.append(": ").append(cause);
        }
        announcer.await_report(due.order.life, std::move(about), std::move(line), now);
        runner.issue(due.order);
    }
}

void Controller::Impl::announce(bool carried_out) {
    for (const auto& [place, healthy, reason, met] : std::exchange(transitions, {})) {
        const ServiceState& state = tracked[place.service].state;
        std::string line = headline(state, place.backend, healthy, reason);
        if (healthy) {
            spdlog::info("{}", line);
            continue;
        }
        const std::uint64_t open = met ? plane.open_sockets(met) : 0;
        const std::string rest = carried_out ? aftermath(state, place.backend, open) : "";
        spdlog::warn("{}{}{}", line, rest.empty() ? "" : "; ", rest);
    }
}

/// Two looks: a connect that chose the life just before it was condemned is counted only at the second.
void Controller::Impl::find_vacated() {
    for (TrackedService& service : tracked)
        for (BackendRecord& record : service.state.backends)
            for (Life& life : record.ended) {
                const bool idle = !runner.is_busy(life.id) && plane.is_idle(life.id);
                life.vacated = std::exchange(life.idle, idle) && idle;
                service.dirty |= life.vacated;
            }
}

void Controller::Impl::on_report(const ReseatOrder& order, const TerminationReport& report) {
    announcer.on_report(order.life, report);
    const auto found = places.find(order.life);
    if (found == places.end()) return;
    note_failover(tracked[found->second.service], found->second.backend, order.life, report);
}

void Controller::Impl::on_raced_connect(LifeId life) {
    const auto found = places.find(life);
    if (found == places.end()) return;
    const ServiceState& state = tracked[found->second.service].state;
    const auto& ended = state.backends[found->second.backend].ended;
    const auto raced = std::ranges::find(ended, life, &Life::id);
    if (raced != ended.end() && raced->ordered) runner.issue({life, true, state.service->connections.udp});
}

Controller::Controller(asio::any_io_executor executor, DataPlane& plane, std::vector<Service> services)
    : impl_(std::make_unique<Impl>(std::move(executor), plane, std::move(services))) {}

Controller::~Controller() = default;

Result<void> Controller::start() {
    return impl_->start();
}

void Controller::on_check(std::size_t service, std::size_t backend, const CheckStatus& status,
                          const std::optional<HealthEvent>& event) {
    TrackedService& tracked = impl_->tracked.at(service);
    BackendNews& news = tracked.news.at(backend);
    BackendRecord& record = tracked.state.backends.at(backend);
    news.check = status;
    news.checked = true;
    if (!event || (event->healthy && record.health == Health::up)) return;
    if (record.health == Health::unchecked || event->healthy != (record.health == Health::up))
        news.since = std::chrono::system_clock::now();
    news.reason = event->reason;
    if (!event->healthy) news.down_reason = event->reason;
    on_verdict(tracked.state, backend, *event, std::chrono::steady_clock::now());
    impl_->transitions.push_back(
        {{service, backend}, event->healthy, event->reason, record.life ? record.life->id : 0});
    tracked.dirty = true;
    impl_->loop.wake();
}

bool Controller::first_round_over() const {
    return std::ranges::all_of(impl_->tracked, [](const TrackedService& service) {
        return service.state.service->health_check.type == CheckType::none ||
               std::ranges::all_of(service.news, &BackendNews::checked);
    });
}

std::vector<ServiceStatus> Controller::status() const {
    std::vector<ServiceStatus> all;
    for (const TrackedService& service : impl_->tracked)
        all.push_back(status_of(service, impl_->plane, impl_->runner));
    return all;
}

void Controller::on_raced_connect(LifeId life) {
    impl_->on_raced_connect(life);
}

}  // namespace reseat::lb
