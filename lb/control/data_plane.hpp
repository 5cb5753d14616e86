// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"
#include "lb/health/outlier_detector.hpp"
#include "lb/model.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reseat::lb {

/// Names a service in the data path: one (service, protocol) pair. Never used again while anything in the
/// kernel may remember it, nor by later processes on the same pinned maps.
using ServiceId = std::uint32_t;

/// One period of one backend in one service. Never used again while anything may remember it; 0 is none.
using LifeId = std::uint64_t;

/// What the data path must know of a service: connects to these addresses are balanced.
struct ServiceSpec {
    ServiceId id = 0;
    std::string name;
    Protocol protocol = Protocol::tcp;
    std::vector<Endpoint> addresses;
    LbPolicy lb_policy = LbPolicy::round_robin;
    HashKey hash_key = HashKey::uid;  ///< of maglev
};

struct LifeSpec {
    LifeId life = 0;
    ServiceId service = 0;
    Endpoint backend;
};

/// The backends for clients of one address family. No slots: connects fail with ECONNREFUSED.
struct Table {
    ServiceId service = 0;
    Family family = Family::v4;
    /// All of this family and service, as often as their shares of the connects require: in order of round
    /// robin, or where maglev hashes to.
    std::vector<LifeId> slots;
};

/// Ends or moves the sockets that hang on one condemned or draining life.
struct ReseatOrder {
    LifeId life = 0;
    bool terminate_tcp = true;
    UdpFate udp = UdpFate::repoint;
    /// > 0: of the TCP sockets only those that have been idle for so long with nothing unacknowledged.
    Duration quiet_for = Duration::zero();
    /// How long to take over ending TCP sockets, evenly; nothing: 100 at once, more over 1 s. Moving UDP
    /// sockets is never spread.
    std::optional<Duration> spread;
};

/// Ends sockets that nothing is recorded of because they are older than the data path: those that are
/// connected straight to one of `destinations`. Sockets opened to them since are never touched.
struct UntrackedOrder {
    Protocol protocol = Protocol::tcp;
    std::vector<Endpoint> destinations;
    std::optional<Duration> spread;
};

/// What the operator wants of a backend instead of what the configuration says. It applies until the
/// configuration says something else than it did then.
struct OperatorOverride {
    Endpoint backend;
    OperatorState state = OperatorState::ready, configured_state = OperatorState::ready;
    unsigned weight = 1, configured_weight = 1;

    bool operator==(const OperatorOverride&) const = default;
};

struct OperatorOverrides {
    ServiceId service = 0;
    std::vector<OperatorOverride> overrides;
};

/// What is to change in the data path, carried out in the order of the members: new tables are visible
/// before any life ends, and a life ends before its sockets are touched.
struct Plan {
    std::vector<ServiceSpec> add_services;
    std::vector<ServiceSpec>
        change_services;  ///< known ones, with other addresses or another lb_policy or hash_key
    std::vector<LifeSpec> begin;
    std::vector<Table> tables;
    std::vector<LifeId> drain;    ///< no new sockets; those that are open continue
    std::vector<LifeId> resume;   ///< a draining life whose backend is healthy again
    std::vector<LifeId> condemn;  ///< no new sockets; a connect that was under way is reported and ended
    std::vector<LifeId> retire;   ///< condemned and idle: forget it
    /// Their addresses are not balanced from now on, unless another service of this plan has them. What is
    /// still known of their lives stays until those are retired.
    std::vector<ServiceId> remove_services;
    /// Of each of these services, instead of what was said before. Only the next process reads it: where it
    /// cannot be kept, that is logged and is no error.
    std::vector<OperatorOverrides> overrides;

    bool empty() const;
};

/// One open socket that was balanced, for people to look at.
struct SocketInfo {
    LifeId life = 0;
    Protocol protocol = Protocol::tcp;
    Endpoint local;    ///< port 0: not known yet
    Endpoint dialled;  ///< the service address
    Endpoint backend;
    std::uint32_t pid = 0;  ///< process that connected it, as reseat sees processes; 0: not visible
    std::string command;    ///< its name; empty: not visible
    Duration age{};         ///< since it was connected to this backend
};

/// What an earlier process left behind in pinned maps.
struct Inheritance {
    enum class State { serving, draining, condemned };
    struct Life {
        LifeSpec spec;
        State state = State::serving;
    };
    std::vector<ServiceSpec> services;
    std::vector<Life> lives;
    std::vector<OperatorOverrides> overrides;
    ServiceId first_unused_service = 1;
};

/// What became of one ReseatOrder.
struct TerminationReport {
    unsigned matched = 0;  ///< sockets of this life that were connected to it
    unsigned terminated = 0;
    unsigned repointed = 0;
    unsigned failed = 0;        ///< still hanging on the life, tried without success
    std::string first_failure;  ///< why, of the first one; also why re-pointing gave way to termination
    Duration duration{};        ///< order accepted → last socket done
};

/// The port through which the controller moves the kernel. One writer: all calls from one thread.
class DataPlane {
public:
    virtual ~DataPlane() = default;

    /// The lowest life id never used before, also by earlier processes on the same pinned maps.
    virtual LifeId first_unused_life() const = 0;

    /// What was adopted; empty where there was nothing. The same at each call: what was there at the start.
    virtual Inheritance inheritance() const = 0;

    /// Applies `plan`; takes microseconds, does not block. On error nothing that clients see has changed
    /// for the tables not yet published; the message says which step failed.
    /// The controller then tries again with a plan made anew, in which lives of the failed one may begin
    /// again under the same ids: for a life that is known already, `begin` changes nothing.
    virtual Result<void> publish(const Plan& plan) = 0;

    /// Ends or moves sockets on a thread that may block; sweeps until none is left or no progress is made.
    virtual Task<TerminationReport> reseat(ReseatOrder order) = 0;

    /// Sockets (open descriptors) that were balanced to this life and are not closed yet.
    virtual std::uint64_t open_sockets(LifeId life) const = 0;
    /// No socket can use this life any more. Not the same as no open sockets: one whose next connect
    /// failed is counted nowhere and still hangs here [E63]. Once true of a condemned life, it stays true,
    /// except for a connect that is under way.
    virtual bool is_idle(LifeId life) const = 0;
    /// Connects that were ever balanced to this life.
    virtual std::uint64_t connects_total(LifeId life) const = 0;
    /// How they end; only those count that were made while the life took new sockets.
    virtual ConnectOutcomes connect_outcomes(LifeId life) const = 0;
    /// The next failure is the first in a row again.
    virtual void forgive(LifeId life) = 0;

    /// The open sockets of these lives, in pieces of memory that can be had for 100,000 of them, too. Runs on
    /// a thread that may block; costs by all sockets that are indexed.
    virtual Task<std::deque<SocketInfo>> sockets(std::vector<LifeId> lives) = 0;

    /// As reseat(), for sockets that no life knows of; matched 0 where there are none or they cannot be told
    /// from younger ones.
    virtual Task<TerminationReport> end_untracked(UntrackedOrder order) = 0;

    /// Replaces all policies; connects and sends that come after it obey the new ones. Counters of a policy
    /// whose name stays go on. On error the old ones hold.
    virtual Result<void> set_policies(const std::vector<AccessPolicy>& policies) = 0;
    /// Ends the workload's sockets, balanced or not, whose destination a policy with `existing: terminate`
    /// denies: the report of each such policy, in the order of set_policies().
    virtual Task<std::vector<std::pair<std::string, TerminationReport>>> enforce_policies() = 0;
    /// Connects and sends refused, in the order of set_policies().
    virtual std::vector<std::pair<std::string, std::uint64_t>> policy_denials() const = 0;
};

}  // namespace reseat::lb
