// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"
#include "lb/health/check_mode.hpp"
#include "lb/health/health_tracker.hpp"
#include "lb/select/eligibility.hpp"
#include "lb/select/slow_start.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reseat::lb {

/// Why the sockets of a life are ended or moved.
enum class EndCause {
    verdict,         ///< its backend's health, at once
    grace_over,      ///< the same, after `grace`
    suspicion_over,  ///< the same, after our own network was suspected
    drain_timeout,
    quiet,      ///< idle during a drain
    taken_out,  ///< by the operator
    commanded,  ///< by the operator: these sockets, now
    removed,    ///< left the configuration, or its source does not name it any more
    leaving,    ///< as its source says
    unready,    ///< likewise
    replaced,   ///< another one has its address now
    ejected,
    recovered,  ///< a level that comes before its own is in use again
    denied,     ///< by a policy
    alternative,
    restarted,  ///< its backend's host has forgotten them
    inherited,  ///< left over by the previous process
};

/// One period of one backend in one service, as the data plane knows it.
struct Life {
    enum class State { serving, draining, condemned };

    LifeId id = 0;
    State state = State::serving;
    TimePoint since{};                ///< when it began; an inherited one: before all else
    unsigned begun_after = 0;         ///< verdicts against this backend when it began
    bool has_served = false;          ///< it was in a table
    std::optional<SocketFate> fate;   ///< while its backend may not have it: what becomes of its sockets
    std::optional<TimePoint> end_at;  ///< it is condemned then
    EndCause end_cause = EndCause::verdict;
    std::optional<TimePoint> move_udp_at;   ///< draining: connected UDP sockets are moved then
    std::optional<TimePoint> end_quiet_at;  ///< draining: idle TCP sockets are ended then, and again
    bool udp_moved = false;                 ///< draining, and the order to move UDP sockets was given

    bool must_end = false;              ///< also where there is no alternative
    bool waiting = false;               ///< condemned, and its order is withheld: there is no alternative
    std::optional<TimePoint> order_at;  ///< there is one: its own backend has until then to return
    /// It was waiting when its own backend returned: its sockets stay, and share the fate of that backend's
    /// next life.
    bool kept = false;
    bool forgotten = false;  ///< its backend's host does not know its sockets any more: they are not kept
    bool ordered = false;    ///< condemned, and its order was given
    bool vacated = false;    ///< no socket at two looks in a row: condemned or removed, it is to be retired
};

/// What the decisions remember of one backend in one service.
struct BackendRecord {
    Health health = Health::unchecked;
    OperatorState operator_state = OperatorState::ready;
    Standing standing = Standing::ready;
    unsigned weight = 1;                           ///< as configured, or as set by the operator
    ProbeOutcome evidence = ProbeOutcome::passed;  ///< of the last verdict
    unsigned verdicts_against = 0;                 ///< down verdicts and ejections
    bool last_healthy = false;                     ///< eligible when its family last had an eligible backend
    bool ejected = false;
    bool starting = false;                   ///< here since the service is, and never eligible yet
    bool was_eligible = false;               ///< at the last decision, and no verdict against it since
    std::optional<TimePoint> warming_since;  ///< slow_start: its weight grows since then
    unsigned tenths = kFullTenths;           ///< of its weight, by slow_start
    bool presumed = false;            ///< health is what it was before this process; no check has said it yet
    bool removing = false;            ///< left the configuration
    std::string denied_by;            ///< the policy that denies it; empty: none does
    bool denied_sockets_end = false;  ///< what that policy says of open sockets
    std::optional<TimePoint> held_until;  ///< our own network is suspected: sockets are not ended before
    std::optional<Life> life;             ///< serving or draining
    std::vector<Life> ended;              ///< condemned, not retired; or kept
    LifeId spare = 0;                     ///< begun by a plan that failed: the next life of this backend

    /// It has nothing left that the data plane must be given.
    bool is_gone() const { return removing && !life && ended.empty() && spare == 0; }
};

/// How much of the connects a life gets, beside the others of its family.
struct Share {
    LifeId life = 0;
    unsigned weight = 1;
    bool operator==(const Share&) const = default;
};

/// What a table is made of; the same makes the same table.
struct Shares {
    std::vector<Share> lives;  ///< in the order of the backends, for maglev of their ids; no common divisor
    std::size_t maglev_size = 0;  ///< slots of a table by maglev; 0: they take turns
    bool operator==(const Shares&) const = default;
};

/// What clients of one family see.
struct FamilyState {
    ChosenFrom from = ChosenFrom::nothing;
    Shares shares;
    bool published = false;
    bool uncertain = false;  ///< a plan that was to change `shares` failed: clients may see them or others

    bool has(LifeId life) const;
};

/// One service as the decisions see it: a value, copied freely.
struct ServiceState {
    std::shared_ptr<const Service> service;  ///< as it runs: backends that left the configuration come last
    ServiceId id = 0;
    bool added = false;    ///< the data plane knows it
    bool changed = false;  ///< the data plane knows it with other addresses, lb_policy or hash_key
    bool removed = false;  ///< left the configuration
    std::vector<BackendRecord> backends;
    std::array<FamilyState, 2> families;      ///< by Family
    std::vector<OperatorOverride> overrides;  ///< as the data plane keeps them

    FamilyState& family(Family family) { return families[static_cast<std::size_t>(family)]; }
    const FamilyState& family(Family family) const { return families[static_cast<std::size_t>(family)]; }
};

/// Before the first plan: all backends unchecked, or up where nothing is to be checked.
ServiceState initial_state(std::shared_ptr<const Service> service, ServiceId id);
BackendRecord initial_record(const Service& service, const Backend& backend);

Candidate candidate(const ServiceState& state, std::size_t backend);
bool has_eligible(const ServiceState& state, Family family);
/// A backend is eligible whose health is not only presumed, or one that is leaving serves: sockets may be
/// ended because they can go there.
bool has_alternative(const ServiceState& state, Family family);
/// What the operator said of those that are configured, where it differs.
std::vector<OperatorOverride> overrides_of(const ServiceState& state);
/// Nothing but its health, if that, keeps it from serving.
bool may_return(const ServiceState& state, std::size_t backend);
unsigned eligible_count(const ServiceState& state);
/// What of its weight it has now, by slow_start; 0: it gets no new connections.
double effective_weight(const ServiceState& state, std::size_t backend);

/// Clients may dial the other family of addresses as well, and a backend is eligible there: one that is
/// refused in this family finds its way (RFC 8305, Happy Eyeballs).
bool other_family_serves(const ServiceState& state, Family family);

/// How each backend is to be checked now.
std::vector<CheckMode> check_modes(const ServiceState& state);

}  // namespace reseat::lb
