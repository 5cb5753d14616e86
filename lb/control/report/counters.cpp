// SPDX-License-Identifier: Apache-2.0
#include "lb/control/report/counters.hpp"

namespace reseat::lb {
namespace {

EndReason reason_of(ProbeOutcome evidence) {
    switch (evidence) {
        case ProbeOutcome::no_answer:
            return EndReason::unreachable;
        case ProbeOutcome::refused:
            return EndReason::refused;
        case ProbeOutcome::unresponsive:
            return EndReason::unresponsive;
        default:
            return EndReason::check_failed;
    }
}

/// Of a backend whose sockets may not stay, why not.
EndReason reason_of(const BackendRecord& record) {
    if (record.removing) return EndReason::removed;
    if (record.health == Health::down) return reason_of(record.evidence);
    if (!record.denied_by.empty()) return EndReason::denied;
    if (record.ejected) return EndReason::ejected;
    if (record.operator_state != OperatorState::ready) return EndReason::operated;
    if (record.standing == Standing::leaving) return EndReason::leaving;
    return record.standing == Standing::unready ? EndReason::unready : EndReason::check_failed;
}

}  // namespace

std::string_view to_string(EndReason reason) {
    constexpr std::array<std::string_view, kEndReasons> texts = {
        "unreachable", "refused",   "check_failed", "unresponsive", "drain_timeout", "idle",
        "operator",    "command",   "removed",      "ejected",      "recovered",     "policy",
        "restarted",   "inherited", "leaving",      "unready",      "replaced"};
    return texts.at(static_cast<std::size_t>(reason));
}

EndReason end_reason(const BackendRecord& record, EndCause cause) {
    switch (cause) {
        case EndCause::verdict:
        case EndCause::grace_over:
        case EndCause::suspicion_over:
        case EndCause::alternative:
            return reason_of(record);
        case EndCause::drain_timeout:
            return EndReason::drain_timeout;
        case EndCause::quiet:
            return EndReason::idle;
        case EndCause::taken_out:
            return EndReason::operated;
        case EndCause::commanded:
            return EndReason::commanded;
        case EndCause::removed:
            return EndReason::removed;
        case EndCause::leaving:
            return EndReason::leaving;
        case EndCause::unready:
            return EndReason::unready;
        case EndCause::replaced:
            return EndReason::replaced;
        case EndCause::ejected:
            return EndReason::ejected;
        case EndCause::recovered:
            return EndReason::recovered;
        case EndCause::denied:
            return EndReason::denied;
        case EndCause::restarted:
            return EndReason::restarted;
        case EndCause::inherited:
            return EndReason::inherited;
    }
    return EndReason::inherited;
}

}  // namespace reseat::lb
