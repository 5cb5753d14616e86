// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/reconfigure.hpp"
#include "lb/control/report/status.hpp"
#include "lb/control/run/order_runner.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reseat::lb {

/// Connects to one backend, ever.
struct ConnectCounts {
    std::uint64_t connects = 0;
    std::uint64_t failures = 0;    ///< as ConnectOutcomes says
    std::uint64_t resets = 0;      ///< likewise
    std::uint64_t unanswered = 0;  ///< likewise

    ConnectCounts& operator+=(const ConnectCounts& more);
};
ConnectCounts count_connects(const DataPlane& plane, LifeId life);

/// What people want to know of a backend and the decisions do not.
struct BackendStats {
    BackendId id = 0;
    CheckStatus check;
    CheckMode mode;  ///< the last mode set in its checker
    bool checked = false;
    CheckHistory checks;
    BackendCounters counters;
    std::string reason;
    std::string down_reason;  ///< of the last down verdict
    std::chrono::system_clock::time_point since{};
    ConnectCounts retired;                   ///< of lives that are forgotten
    OutlierDetector outlier;                 ///< its state follows the backend through reloads
    std::string ejection;                    ///< why it is ejected, for people; empty: it is not
    bool is_silent = false;                  ///< its last check got no answer at all
    std::optional<Address> checked_address;  ///< what `is_ours` says is said of it
    bool is_ours = false;                    ///< it is an address of this machine
};

/// A service as the controller keeps it.
struct TrackedService {
    ServiceState state;
    std::shared_ptr<const Service> configured;  ///< null: it left the configuration
    std::vector<BackendStats> stats;            ///< by position, as the state's backends
    std::optional<Failover> last_failover;
    LifeId last_failover_life = 0;
    DurationHistogram failovers;
    DurationHistogram checks;
    bool answers = false;         ///< a connection got an answer: one that ends without is a failure
    std::uint64_t untracked = 0;  ///< left by the last order that named it
};

/// News of the state's backends; each gets its id from `next_id`.
TrackedService track(ServiceState state, std::shared_ptr<const Service> configured, BackendId& next_id);

/// Takes the other backends; counters go with them, `since` is now where the state is another one. New ones
/// get their ids from `next_id`.
void take(TrackedService& service, Reconfigured reconfigured, BackendId& next_id);

/// Notes what became of the sockets of `life`; a retry adds to the failover that it belongs to. One that
/// found no socket is none.
void note_failover(TrackedService& service, std::size_t backend, LifeId life, const std::string& reason,
                   const TerminationReport& report);

BackendState state_of(const BackendRecord& record);

/// `history`: with the last checks of each backend.
ServiceStatus status_of(const TrackedService& service, const DataPlane& plane, const OrderRunner& runner,
                        bool history = false);

}  // namespace reseat::lb
