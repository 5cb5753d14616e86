// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/event.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reseat::lb {

/// Reports each transition once: at once, or, when sockets are ended because of it, together with what became
/// of them. A transition is never kept back for longer than `kPatience` by sockets that are stuck.
class EventCoalescer {
public:
    static constexpr Duration kPatience = std::chrono::seconds(2);

    explicit EventCoalescer(EventSink tell) : tell_(std::move(tell)) {}

    /// An order was given. Its first report completes `transition`; what else there is to report, and all of
    /// it if there is no transition, becomes events like `about`, of what begins with its message.
    void await_report(LifeId life, Event about, std::optional<Event> transition, TimePoint now);
    void on_report(LifeId life, const TerminationReport& report);

    /// Reports `event`, which is what transitions of its service led to: not before those that are kept back.
    void tell_consequence(Event event);

    /// Gives up waiting where the patience is over.
    void hurry(TimePoint now);
    /// Something else happened to this service: what its transitions led to so far is reported before that.
    void hurry(const Service& service);
    void forget(LifeId life);

private:
    struct Pending {
        Event about;
        std::optional<Event> transition;
        TimePoint since;
        unsigned failed = 0;  ///< as last reported
    };
    /// What is kept back of one service.
    struct KeptBack {
        unsigned transitions = 0;
        std::vector<Event> consequences;
    };
    using Key = std::pair<std::string, std::optional<Protocol>>;  ///< of a service
    static Key key_of(const Event& event);
    void tell_transition(Pending& pending, const std::string& outcome);
    void release(const Event& about);

    EventSink tell_;
    std::map<LifeId, Pending> pending_;
    std::map<Key, KeptBack> kept_back_;  ///< of services with transitions
};

}  // namespace reseat::lb
