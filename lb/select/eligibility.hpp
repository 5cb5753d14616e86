// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/health_tracker.hpp"
#include "lb/model.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace reseat::lb {

/// What decides whether one backend may get new connections.
struct Candidate {
    Family family = Family::v4;
    Health health = Health::unchecked;
    OperatorState operator_state = OperatorState::ready;
    unsigned weight = 1;
    unsigned priority = 0;
    bool last_healthy = false;  ///< it was eligible when its family last had an eligible backend
    bool barred = false;        ///< it is being removed, or a policy denies it
    bool ejected = false;       ///< by outlier detection
    Standing standing = Standing::ready;
};

/// May be used, health is up, and it is not ejected.
bool is_eligible(const Candidate& candidate);

/// The operator and the source say ready, its weight is not 0 and it is not barred, whatever its health.
bool may_be_used(const Candidate& candidate);

/// It is leaving, and nothing else speaks against it: it serves while nothing is eligible.
bool is_reserve(const Candidate& candidate);

/// Why the members of a Choice were chosen.
enum class ChosenFrom {
    eligible,
    leaving,    ///< nothing is eligible, but some that are leaving still pass their checks
    panic,      ///< too few are eligible: the others of their priority serve as well
    unchecked,  ///< nothing is eligible, some were not checked yet
    fail_open,  ///< nothing is eligible or unchecked: the last healthy ones, or, if none ever was, all
    nothing,
};

struct Choice {
    ChosenFrom from = ChosenFrom::nothing;
    std::vector<std::size_t> members;  ///< positions in `candidates`, ascending
};

/// The backends for new connections of `family`: the first of eligible, leaving, unchecked, fail_open that
/// has a member; of that set those with the lowest priority number. Never one that is in drain or maint, has
/// weight 0, is unready or is barred. With OnNoHealthy::reject none when none is eligible or unchecked.
///
/// Panic: in no priority are `panic_threshold` percent of those that may be used and were checked eligible.
/// Then all usable backends of the priority in use are used, whatever their health. As long as one priority
/// is above the threshold there is none, as in Envoy; with no eligible backend `on_no_healthy` decides.
Choice choose(std::span<const Candidate> candidates, Family family, OnNoHealthy on_no_healthy,
              unsigned panic_threshold);

}  // namespace reseat::lb
