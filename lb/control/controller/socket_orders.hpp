// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/control_state.hpp"
#include "lb/control/plan/plan.hpp"
#include "lb/control/report/event_coalescer.hpp"
#include "lb/control/run/order_runner.hpp"
#include "lb/control/run/sweeper.hpp"

#include <boost/asio/steady_timer.hpp>

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace reseat::lb {

/// Waits for the first report of each of these lives.
struct AwaitedReports {
    std::set<LifeId> lives;
    TerminationReport sum;
    asio::steady_timer done;
    bool over = false;  ///< the controller goes
};

/// Has sockets ended: those of lives whose time is over, those that policies deny, and those that are older
/// than reseat. Accounts for what became of them, and tells it.
class SocketOrders {
public:
    /// `on_reported` hears of each life that there was a report about.
    SocketOrders(ControlState& state, asio::any_io_executor executor,
                 std::function<void(LifeId)> on_reported);
    ~SocketOrders();

    const OrderRunner& runner() const { return runner_; }

    /// Gives the order. A transition of this turn is told together with what its order brings.
    void give(const TrackedService& service, const DueOrder& due, TimePoint now);
    /// Sockets of this life connected while it was being condemned or drained, or hang on it.
    void give_again(LifeId life);
    /// The life serves again.
    void withdraw(LifeId life) { runner_.withdraw(life); }
    void forget(LifeId life);
    /// The reports of these lives, added up, when the timer that is returned is cancelled.
    std::shared_ptr<AwaitedReports> await_reports(std::set<LifeId> lives);
    void no_more_awaited(const std::shared_ptr<AwaitedReports>& waiting) { awaited_.remove(waiting); }

    /// Sockets older than reseat at these destinations of the service are to be ended with the next plan.
    void clear_untracked(const Service& service, const std::vector<Endpoint>& destinations);
    void end_untracked();
    /// After the configuration changed: at which destinations nothing untracked is ended.
    void note_configuration();

    /// Policies changed: what they deny is ended, after the sockets that can follow to a backend that is
    /// allowed did so.
    void require_enforcement();
    void enforce_if_due();
    std::uint64_t terminated_by(const std::string& policy) const;

    /// Told now, or with the report of the order that it led to.
    void tell_consequence(Event event) { coalescer_.tell_consequence(std::move(event)); }
    /// What is kept back of this service is told before anything else of it.
    void hurry(const Service& service) { coalescer_.hurry(service); }
    void hurry(TimePoint now) { coalescer_.hurry(now); }

private:
    /// Destinations of all services that are cleared in one go.
    using UntrackedKey = std::pair<Protocol, std::optional<Duration>>;  ///< and close_spread
    struct UntrackedDue {
        std::vector<Endpoint> destinations;
        std::set<std::string> services;
    };
    struct Reason {
        std::string text;  ///< for the last failover
        EndReason kind = EndReason::unreachable;
    };
    void note_reason(const TrackedService& service, const DueOrder& due);
    void on_report(const ReseatOrder& order, const TerminationReport& report);
    void enforce();
    void on_policy_reports(const PolicyReports& reports);

    ControlState& state_;
    asio::any_io_executor executor_;
    std::function<void(LifeId)> on_reported_;
    std::unordered_map<LifeId, Reason> reasons_;  ///< of orders
    std::map<LifeId, std::string> denied_;        ///< lives that a policy ends, and which
    std::set<LifeId> before_enforcement_;         ///< of those, not yet reported
    bool enforcement_due_ = false;
    std::map<std::string, std::uint64_t> terminated_by_policy_;
    std::set<std::pair<Protocol, Endpoint>> untracked_kept_;  ///< here nothing untracked is ended
    std::map<UntrackedKey, UntrackedDue> untracked_due_;      ///< to be ordered with the next plan
    std::list<std::shared_ptr<AwaitedReports>> awaited_;
    EventCoalescer coalescer_;
    OrderRunner runner_;
    Sweeper sweeper_;
};

}  // namespace reseat::lb
