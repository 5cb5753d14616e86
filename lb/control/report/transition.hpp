// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/status.hpp"

#include <string>

namespace reseat::lb {

/// A change of a backend that was not yet reported.
struct Transition {
    /// ready, drain and maint: by the operator; ejected and readmitted: by outlier detection.
    enum class Kind { up, down, ready, drain, maint, ejected, readmitted };

    BackendId backend = 0;
    Kind kind = Kind::up;
    std::string reason;  ///< of those by the operator: empty
    LifeId met = 0;      ///< the life that it met; 0: none
};

Transition::Kind kind_of(OperatorState state);

/// Good news: it needs no attention.
bool is_good(const Transition& transition);

}  // namespace reseat::lb
