// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/counters.hpp"
#include "lb/duration_histogram.hpp"
#include "lb/health/check_history.hpp"
#include "lb/health/check_mode.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the controller reports to people and to health checkers.
namespace reseat::lb {

/// One backend (an address) of one service (name and protocol), while it is configured or has open sockets.
using BackendId = std::uint64_t;

/// What to check, and what is known of its health.
struct CheckTarget : ProbeTarget {
    BackendId id = 0;
    HealthCheck check;
    KnownHealth health;                 ///< where a new Checker starts
    CheckMode mode;                     ///< likewise
    Protocol protocol = Protocol::tcp;  ///< of the service
};

/// `down` and `up` are health's. What wins, in this order: removing, drain or maint, down, ejected, leaving
/// or unready (as its source says).
BOOST_DEFINE_ENUM_CLASS(BackendState, up, down, unchecked, ejected, drain, maint, removing, leaving, unready)

struct BackendStatus {
    Backend backend;  ///< with the weight that it has now
    BackendState state = BackendState::unchecked;
    std::string reason;
    std::chrono::system_clock::time_point since{};
    double effective_weight = 0;     ///< while slow_start lasts, tenths of its weight
    std::uint64_t open_sockets = 0;  ///< over all lives of this backend
    std::uint64_t waiting = 0;       ///< of them: as in ServiceStatus
    std::uint64_t stuck = 0;         ///< likewise
    std::optional<std::chrono::system_clock::time_point> sockets_end_at;  ///< what is open then is ended
    std::uint64_t connects_total = 0;
    std::uint64_t connect_failures_total = 0;  ///< of the workload's own, while the backend was in use
    std::uint64_t early_resets_total = 0;      ///< its connections that broke before the first byte
    std::uint64_t unanswered_total = 0;        ///< those that it closed after a request, without a byte
    std::optional<std::chrono::system_clock::time_point> ejected_until;  ///< the next look after it ends it
    CheckStatus check;
    std::array<std::uint64_t, kProbeOutcomes> checks_total{};  ///< by ProbeOutcome
    std::vector<PastCheck> history;                            ///< if it was asked for; the oldest first
    BackendCounters counters;
};

struct Failover {
    std::chrono::system_clock::time_point at{};
    std::string backend;
    std::string reason;
    TerminationReport report;
};

struct ServiceStatus {
    std::shared_ptr<const Service> service;  ///< as it runs: backends that are being removed last
    unsigned eligible = 0;
    bool panic = false;  ///< in a family of addresses the health of backends is ignored, by panic_threshold
                         ///< or fail_open
    std::uint64_t open_sockets = 0;
    std::uint64_t waiting = 0;    ///< sockets spared because there was no alternative, to be judged again
    std::uint64_t stuck = 0;      ///< sockets that could not be ended
    std::uint64_t untracked = 0;  ///< sockets older than reseat that were to be ended and could not be
    std::optional<Failover> last_failover;
    DurationHistogram failovers;  ///< that found sockets: order accepted → last socket done
    DurationHistogram checks;     ///< that were answered, or not in time
    std::vector<BackendStatus> backends;
};

struct PolicyStatus {
    std::string name;
    PolicyAction action = PolicyAction::deny;
    std::uint64_t denied_total = 0;      ///< connects and sends refused
    std::uint64_t terminated_total = 0;  ///< open sockets that it ended
};

/// Open sockets and their processes. A life that was retired meanwhile has no name.
struct ListedSockets {
    struct Name {
        std::string service;
        std::string backend;
    };
    std::deque<SocketInfo> sockets;
    std::unordered_map<LifeId, Name> names;
};

}  // namespace reseat::lb
