// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <map>
#include <string>

namespace reseat::lb {

/// Writes one line per transition: at once, or, when sockets are ended because of it, together with what
/// became of them. A transition is never kept back for longer than `kPatience` by sockets that are stuck.
class Announcer {
public:
    static constexpr Duration kPatience = std::chrono::seconds(2);

    /// An order was given. `transition` is the line that its report completes; empty: the report is a line of
    /// its own, about `subject`, and only if it has anything to tell.
    void await_report(LifeId life, std::string subject, std::string transition, TimePoint now);
    void on_report(LifeId life, const TerminationReport& report);

    /// Gives up waiting where the patience is over.
    void hurry(TimePoint now);
    void forget(LifeId life);

private:
    struct Pending {
        std::string subject;
        std::string transition;
        TimePoint since;
        unsigned failed = 0;  ///< as last told
    };
    std::map<LifeId, Pending> pending_;
};

}  // namespace reseat::lb
