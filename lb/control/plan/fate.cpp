// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/fate.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

struct SocketAction {
    SocketFate fate = SocketFate::keep;
    EndCause cause = EndCause::verdict;  ///< of a termination
    Duration wait = Duration::zero();    ///< before sockets are touched
    bool must_end = false;
};

/// By the reasons not to use it, whatever its health; none: there is no reason.
std::optional<SocketAction> by_order(const ServiceState& state, std::size_t backend, bool used) {
    const BackendRecord& record = state.backends[backend];
    const Connections& connections = state.service->connections;
    std::optional<SocketAction> harshest;
    const auto add = [&](const SocketAction& action) {
        if (!harshest || action.fate > harshest->fate) harshest = action;
    };
    if (!record.denied_by.empty())
        add({.fate = record.denied_sockets_end ? SocketFate::terminate : SocketFate::keep,
             .cause = EndCause::denied,
             .must_end = record.denied_sockets_end});
    if (record.removing) add({.fate = connections.on_remove, .cause = EndCause::removed});
    if (record.operator_state != OperatorState::ready)
        add({.fate = connections.on_drain, .cause = EndCause::taken_out});
    if (record.standing == Standing::leaving && !used)
        add({.fate = connections.on_leaving, .cause = EndCause::leaving});
    if (record.standing == Standing::unready)
        add({.fate = connections.on_unready, .cause = EndCause::unready});
    if (record.weight == 0) add({.fate = SocketFate::keep});
    return harshest;
}

/// By its health and by outlier detection; none: nothing speaks against it.
std::optional<SocketAction> by_evidence(const ServiceState& state, const BackendRecord& record, bool used,
                                        TimePoint now) {
    const Connections& connections = state.service->connections;
    const bool down = record.health == Health::down;
    if (!down && !record.ejected) return std::nullopt;
    SocketAction action{.fate = down ? fate_of(connections, record.evidence) : SocketFate::keep};
    if (record.ejected && connections.on_ejected > action.fate)
        action = {.fate = connections.on_ejected, .cause = EndCause::ejected};
    // A life that began after the verdict was meant to be used in spite of it.
    const bool decided_before = record.life->begun_after == record.verdicts_against;
    if (used && (action.fate != SocketFate::terminate || decided_before)) return std::nullopt;
    if (decided_before && action.cause == EndCause::verdict) action.cause = EndCause::alternative;
    if (connections.grace > Duration::zero()) {
        action.wait = connections.grace;
        action.cause = EndCause::grace_over;
    }
    if (record.held_until && *record.held_until > now + action.wait) {
        action.wait = *record.held_until - now;
        action.cause = EndCause::suspicion_over;
    }
    return action;
}

std::optional<SocketAction> action(const ServiceState& state, std::size_t backend, bool used, TimePoint now) {
    const auto ordered = by_order(state, backend, used);
    const auto evident = by_evidence(state, state.backends[backend], used, now);
    if (!ordered || !evident) return ordered ? ordered : evident;
    return ordered->fate > evident->fate || ordered->must_end ? ordered : evident;
}

void start_clocks(const ServiceState& state, Life& life, const SocketAction& action, TimePoint now) {
    const Connections& connections = state.service->connections;
    if (action.fate == SocketFate::terminate) {
        life.end_at = now + action.wait;
        life.end_cause = action.cause;
    } else if (action.fate == SocketFate::drain) {
        life.end_at = now + connections.drain_timeout;
        life.end_cause = EndCause::drain_timeout;
        if (state.service->protocol == Protocol::udp && connections.udp != UdpFate::keep)
            life.move_udp_at = now + action.wait;
        if (state.service->protocol == Protocol::tcp && connections.drain_quiet > Duration::zero())
            life.end_quiet_at = now + action.wait;
    }
}

}  // namespace

SocketFate fate_of(const Connections& connections, ProbeOutcome evidence) {
    switch (evidence) {
        case ProbeOutcome::no_answer:
            return connections.on_unreachable;
        case ProbeOutcome::refused:
            return connections.on_refused;
        case ProbeOutcome::answered_badly:
            return connections.on_check_failed;
        case ProbeOutcome::unresponsive:
            return connections.on_unresponsive;
        case ProbeOutcome::passed:
        case ProbeOutcome::not_probed:
            break;  // no evidence against the backend
    }
    return SocketFate::keep;
}

void decide_fate(ServiceState& state, std::size_t backend, bool used, TimePoint now) {
    Life& life = *state.backends[backend].life;
    if (life.end_at && *life.end_at <= now) return;  // a recovery comes too late
    const auto decided = action(state, backend, used, now);
    const auto fate = decided ? std::optional(decided->fate) : std::nullopt;
    const bool must_end = decided && decided->must_end;
    if (life.fate == fate && (life.must_end || !must_end)) return;
    life.fate = fate;
    life.end_at.reset();
    life.move_udp_at.reset();
    life.end_quiet_at.reset();
    life.udp_moved = false;
    life.must_end = must_end;
    if (decided) start_clocks(state, life, *decided, now);
}

void supersede(Life& life, TimePoint now) {
    if (life.end_at && *life.end_at <= now) return;
    life.fate = SocketFate::terminate;
    life.end_at = now;
    life.end_cause = EndCause::recovered;
}

}  // namespace reseat::lb
