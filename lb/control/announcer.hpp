// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/event.hpp"

#include <map>
#include <optional>
#include <vector>

namespace reseat::lb {

/// Tells each transition once: at once, or, when sockets are ended because of it, together with what became
/// of them. A transition is never kept back for longer than `kPatience` by sockets that are stuck.
class Announcer {
public:
    static constexpr Duration kPatience = std::chrono::seconds(2);

    explicit Announcer(EventSink tell) : tell_(std::move(tell)) {}

    /// An order was given. Its first report completes `transition`; what else there is to report, and all of
    /// it if there is no transition, becomes events like `about`, of what begins with its message.
    void await_report(LifeId life, Event about, std::optional<Event> transition, TimePoint now);
    void on_report(LifeId life, const TerminationReport& report);

    /// Tells `event`, but not before the transitions of its service: it is what they led to.
    void tell_consequence(Event event);

    /// Gives up waiting where the patience is over.
    void hurry(TimePoint now);
    void forget(LifeId life);

private:
    struct Pending {
        Event about;
        std::optional<Event> transition;
        TimePoint since;
        unsigned failed = 0;  ///< as last told
    };
    bool keeps_back(const Event& consequence) const;
    void tell_consequences();

    EventSink tell_;
    std::map<LifeId, Pending> pending_;
    std::vector<Event> consequences_;  ///< kept back
};

}  // namespace reseat::lb
