// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"
#include "lb/health/health_tracker.hpp"
#include "lb/select/eligibility.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace reseat::lb {

/// Why the sockets of a life are ended or moved.
enum class EndCause { verdict, grace_over, drain_timeout, by_operator, alternative };

/// One period of one backend in one service, as the data plane knows it.
struct Life {
    enum class State { serving, draining, condemned };

    LifeId id = 0;
    State state = State::serving;
    unsigned begun_after = 0;         ///< down verdicts of this backend when it began
    std::optional<SocketFate> fate;   ///< while its backend may not have it: what becomes of its sockets
    std::optional<TimePoint> end_at;  ///< it is condemned then
    EndCause end_cause = EndCause::verdict;
    std::optional<TimePoint> move_udp_at;  ///< draining: connected UDP sockets are moved then

    bool waiting = false;  ///< condemned, and its order is withheld: there is no alternative
    bool ordered = false;  ///< condemned, and its order was given
    bool idle = false;     ///< condemned, and no socket was seen at the last look
    bool vacated = false;  ///< idle at two looks in a row: to be retired
};

/// What the decisions remember of one backend in one service.
struct BackendRecord {
    Health health = Health::unchecked;
    OperatorState operator_state = OperatorState::ready;
    ProbeOutcome evidence = ProbeOutcome::passed;  ///< of the last verdict
    unsigned down_verdicts = 0;
    bool last_healthy = false;  ///< eligible when its family last had an eligible backend
    std::optional<Life> life;   ///< serving or draining
    std::vector<Life> ended;    ///< condemned, not retired
    LifeId spare = 0;           ///< begun by a plan that failed: the next life of this backend
};

/// What clients of one family see.
struct FamilyState {
    ChosenFrom from = ChosenFrom::nothing;
    std::vector<LifeId> slots;
    bool published = false;
    bool uncertain = false;  ///< a plan that was to change `slots` failed: clients may see them or others
};

/// One service as the decisions see it: a value, copied freely.
struct ServiceState {
    const Service* service = nullptr;  ///< outlives the state
    ServiceId id = 0;
    bool added = false;  ///< the data plane knows it
    std::vector<BackendRecord> backends;
    std::array<FamilyState, 2> families;  ///< by Family

    FamilyState& family(Family family) { return families[static_cast<std::size_t>(family)]; }
    const FamilyState& family(Family family) const { return families[static_cast<std::size_t>(family)]; }
};

/// Before the first plan: all backends unchecked, or up where nothing is to be checked.
ServiceState initial_state(const Service& service, ServiceId id);

/// Folds a verdict in; the next plan acts on it. A verdict that ends sockets without grace stands even
/// if the recovery is folded into the same plan.
void on_verdict(ServiceState& state, std::size_t backend, const HealthEvent& event, TimePoint now);

/// Folds an operator's word in; the next plan acts on it.
void on_operator(ServiceState& state, std::size_t backend, OperatorState operator_state);

/// After a plan was refused by the data plane, perhaps half carried out: `state` stays as it was, except that
/// the lives that `planned` began keep their ids for the next attempt, that tables which it changed are to be
/// published again whatever they are then, and that lives are retired only after another look.
void on_refused(ServiceState& state, const ServiceState& planned);

Candidate candidate(const ServiceState& state, std::size_t backend);
bool has_eligible(const ServiceState& state, Family family);
unsigned eligible_count(const ServiceState& state);
/// `connections.on_*` for this kind of failure.
SocketFate fate_of(const Connections& connections, ProbeOutcome evidence);

}  // namespace reseat::lb
