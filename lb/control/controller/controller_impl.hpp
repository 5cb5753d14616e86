// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/controller.hpp"
#include "lb/control/controller/registry.hpp"
#include "lb/control/plan/plan.hpp"
#include "lb/control/report/event_coalescer.hpp"
#include "lb/control/report/uncheckable.hpp"
#include "lb/control/report/wording.hpp"
#include "lb/control/run/agenda.hpp"
#include "lb/control/run/decision_loop.hpp"
#include "lb/control/run/drain_watcher.hpp"
#include "lb/control/run/network_suspicion.hpp"
#include "lb/control/run/order_runner.hpp"
#include "lb/control/run/sweeper.hpp"

#include <boost/asio/steady_timer.hpp>

#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace reseat::lb {

inline constexpr Duration kHousekeeping = std::chrono::seconds(1);

/// A verdict that was received and is not folded in yet.
struct HeardVerdict {
    BackendId backend = 0;
    HealthEvent event;
};

/// A backend's host has forgotten a connection that was opened then.
struct HeardRestart {
    BackendId backend = 0;
    TimePoint opened;
};

struct ServiceDecision {
    ServiceId service = 0;
    Decision decision;
};

/// Services that become others, not yet published.
struct Draft {
    std::vector<AccessPolicy> policies;
    struct Change {
        TrackedService* running = nullptr;  ///< null: a service that is added
        std::shared_ptr<const Service> configured;
        Reconfigured reconfigured;
    };
    std::vector<Change> changes;
    std::vector<std::string> lines;
    std::vector<TrackedService*> order;  ///< for people; null: one that is added
};

/// Destinations of all services that are cleared in one go.
using UntrackedKey = std::pair<Protocol, std::optional<Duration>>;  ///< and close_spread
struct UntrackedDue {
    std::vector<Endpoint> destinations;
    std::set<std::string> services;
};

/// A caller that waits for the first report of each of these lives.
struct AwaitedReports {
    std::set<LifeId> lives;
    TerminationReport sum;
    asio::steady_timer done;
    bool over = false;  ///< the controller goes
};

/// A file each for the beginning, the turns of the loop, the network in between, what follows a published
/// plan, the orders that it brings, outlier detection, reload, and what people ask and command.
struct Controller::Impl {
    Impl(asio::any_io_executor with, DataPlane& to, EventSink sink, std::vector<Service> services,
         std::vector<AccessPolicy> policies);
    ~Impl();

    // start.cpp
    Result<void> start();
    void begin_service(ServiceState state, std::shared_ptr<const Service> configured);

    // turn.cpp
    TimePoint next_due() const;
    void turn(TimePoint now);
    void fold(TimePoint now);
    void fold(const HeardVerdict& heard, TimePoint now);
    void fold_restarts(TimePoint now);
    void keep_house(TimePoint now);
    void tell_uncheckable(TimePoint now);
    Result<void> decide(TimePoint now);
    Result<void> publish(const Plan& plan);

    // network.cpp
    void judge_network(const Place& place, const ProbeResult& result, TimePoint now);
    bool is_ours(const Place& place);
    void ask_others();
    void release_held(const Place& answered, TimePoint now);

    // commit.cpp
    void commit(std::vector<ServiceDecision>& decisions, const Plan& plan, TimePoint now);
    void note_lives(const TrackedService& service, TimePoint now);
    void tell_check_modes(TrackedService& service);
    void forget_gone(TrackedService& service);
    void announce(bool carried_out);

    // ordering.cpp
    void order(const TrackedService& service, const DueOrder& due, TimePoint now);
    void note_reason(const TrackedService& service, const DueOrder& due);
    void on_report(const ReseatOrder& order, const TerminationReport& report);
    void on_raced_connect(LifeId life);
    void clear_untracked(const Service& service, const std::vector<Endpoint>& destinations);
    void end_untracked();
    void enforce_policies();
    void on_policy_reports(const PolicyReports& reports);

    // outliers.cpp
    void on_failing_connect(LifeId life);
    void judge_failing(TimePoint now);
    void judge_failing(const Place& place, LifeId life, TimePoint now);
    bool gets_answers(TrackedService& service) const;
    void look_at_outliers(TimePoint now);
    void readmit_the_last(TrackedService& service);
    void readmit(const Place& place, std::string why);
    void note_transition(BackendStats& stats, Transition::Kind kind, std::string reason, LifeId met);
    void review_outliers();

    // reload.cpp
    Result<std::vector<std::string>> reload(std::vector<Service> services, std::vector<AccessPolicy> with);
    Draft draft_all(std::vector<Service>& services, std::vector<AccessPolicy> with);
    void draft_service(Draft& draft, TrackedService* running, Service service);
    void draft_policies(Draft& draft, TrackedService& running);
    Result<void> apply(Draft& draft, TimePoint now);
    void install(Draft& draft, Draft::Change& change);
    void undo(const Draft& draft, const Plan& plan);
    void note_configuration();

    // questions.cpp
    std::vector<Place> places(std::string_view service, std::optional<std::string_view> backend);
    Error unknown(std::string_view service, std::optional<std::string_view> backend);

    asio::any_io_executor executor;
    DataPlane& plane;
    EventSink tell;
    std::vector<Service> first_services;  ///< until start()
    std::vector<AccessPolicy> policies;
    Registry registry{1};
    BackendId next_backend = 1;
    LifeId next_life;
    Agenda agenda;
    Agenda looks;  ///< of outlier detection
    std::vector<HeardVerdict> heard;
    std::vector<HeardRestart> heard_restarts;
    std::set<LifeId> failing;  ///< connects to them failed, not judged yet
    std::vector<Transition> transitions;
    NetworkSuspicion suspicion;
    std::vector<BackendId> held;    ///< their sockets are, for it
    std::set<BackendId> answering;  ///< on other machines, when they were last asked; or forgotten
    Uncheckable uncheckable;
    std::unordered_set<BackendId> never_checked;  ///< of those of the start
    std::unordered_set<BackendId>
        told_together;          ///< of those: up at the first check is not reported for each
    std::size_t first_ups = 0;  ///< verdicts that are not reported one by one
    Plan undoing;               ///< to be published with the next plan
    TimePoint housekeeping_at{};
    std::optional<TimePoint> publish_again_at;
    std::function<void()> on_targets_changed;
    std::function<void(BackendId)> on_suspect;
    std::function<void(BackendId, CheckMode)> on_check_mode;
    bool targets_changed = false;

    struct Reason {
        std::string text;  ///< for the last failover
        EndReason kind = EndReason::unreachable;
    };
    std::unordered_map<LifeId, Reason> reasons;  ///< of orders
    std::map<LifeId, std::string> denied;        ///< lives that a policy ends, and which
    std::set<LifeId> before_enforcement;         ///< of those, not yet reported
    bool enforcement_due = false;
    std::map<std::string, std::uint64_t> terminated_by_policy;
    std::set<std::pair<Protocol, Endpoint>> untracked_kept;  ///< here nothing untracked is ended
    std::map<UntrackedKey, UntrackedDue> untracked_due;      ///< to be ordered with the next plan
    std::list<std::shared_ptr<AwaitedReports>> awaited;

    EventCoalescer coalescer{tell};
    OrderRunner runner;
    DrainWatcher drain_watcher{plane, runner};
    Sweeper sweeper{executor, plane};
    DecisionLoop loop;
};

}  // namespace reseat::lb
