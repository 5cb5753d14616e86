// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/controller/control_state.hpp"
#include "lb/control/controller/outliers.hpp"
#include "lb/control/report/uncheckable.hpp"
#include "lb/control/run/network_suspicion.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <unordered_set>
#include <vector>

namespace reseat::lb {

/// What checks say, kept until the next turn folds it into the services, and whether our own network is the
/// likelier culprit [E67].
class HealthInbox {
public:
    HealthInbox(ControlState& state, Outliers& outliers) : state_(state), outliers_(outliers) {}

    /// This backend was there at the start and is checked.
    void expect(BackendId backend) { never_checked_.insert(backend); }
    /// All were expected.
    void begin();
    /// An id that is not known any more is ignored.
    void on_check(BackendId backend, const CheckStatus& status, const std::optional<HealthEvent>& event);
    /// Folds what was heard into the services.
    void fold(TimePoint now);
    /// Tells of backends that cannot be checked.
    void keep_house(TimePoint now);
    /// After a reload: nothing more is expected of backends that left.
    void review();

    /// Each backend that was expected was checked once.
    bool first_round_over() const { return never_checked_.empty(); }
    /// Of very many backends at the start: how many were found up and are not told one by one.
    std::size_t untold_first_ups() const { return first_ups_; }
    /// Whether this first transition to up is one of those. Asked once.
    bool is_summarized(const Transition& transition);

private:
    struct Verdict {
        BackendId backend = 0;
        HealthEvent event;
    };
    /// A backend's host has forgotten a connection that was opened then.
    struct Restart {
        BackendId backend = 0;
        TimePoint opened;
    };
    void fold(const Verdict& verdict, TimePoint now);
    void fold(const Restart& restart, TimePoint now);
    void judge_network(const Place& place, const ProbeResult& result, TimePoint now);
    void ask_others();
    void release_held(const Place& answered, TimePoint now);

    ControlState& state_;
    Outliers& outliers_;
    std::vector<Verdict> verdicts_;
    std::vector<Restart> restarts_;
    NetworkSuspicion suspicion_;
    std::vector<BackendId> held_;    ///< their sockets are, for the suspicion
    std::set<BackendId> answering_;  ///< on other machines, when they were last asked; or forgotten
    Uncheckable uncheckable_;
    std::unordered_set<BackendId> never_checked_;  ///< of those of the start
    std::unordered_set<BackendId> summarized_;     ///< of those: up at the first check is not told of each
    std::size_t first_ups_ = 0;
};

}  // namespace reseat::lb
