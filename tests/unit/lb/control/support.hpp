// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/plan/events.hpp"
#include "lb/control/plan/plan.hpp"
#include "lb/control/plan/reconfigure.hpp"
#include "lb/control/plan/tables.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace reseat::lb::test {

using namespace std::chrono_literals;
inline constexpr TimePoint t0{std::chrono::hours(1)};
using Lives = std::vector<LifeId>;

inline Backend backend(std::string name, std::string_view endpoint, unsigned weight = 1,
                       unsigned priority = 0, OperatorState state = OperatorState::ready) {
    return {std::move(name), parse_endpoint(endpoint).value(), weight, priority, state};
}

/// "postgres" with backends a, b, c ... (IPv4, weight 1, priority 0).
inline Service service(std::size_t backends, Protocol protocol = Protocol::tcp) {
    Service made{.name = "postgres", .protocol = protocol};
    made.addresses = {parse_endpoint("10.96.0.10:5432").value()};
    for (std::size_t i = 0; i < backends; ++i)
        made.backends.push_back(
            backend(std::string(1, static_cast<char>('a' + i)), "10.0.1." + std::to_string(i + 1) + ":5432"));
    return made;
}

inline Service with(Connections connections, Protocol protocol = Protocol::tcp, std::size_t backends = 2) {
    Service made = service(backends, protocol);
    made.connections = connections;
    return made;
}

inline HealthEvent up() {
    return {true, ProbeOutcome::passed, "connected (2/2)"};
}
inline HealthEvent no_answer() {
    return {false, ProbeOutcome::no_answer, "no answer within 1s (3/3)"};
}
inline HealthEvent refused() {
    return {false, ProbeOutcome::refused, "refused (3/3)"};
}
inline HealthEvent bad_answer() {
    return {false, ProbeOutcome::answered_badly, "HTTP 503 (3/3)"};
}

inline HealthEvent unresponsive() {
    return {false, ProbeOutcome::unresponsive, "connected, but no answer within 1s (3/3)"};
}

template <class List, class Value>
bool contains(const List& list, const Value& value) {
    return std::ranges::find(list, value) != list.end();
}

/// Steps the decisions of one service by hand: verdicts in, what was decided last out.
class Stepper {
public:
    explicit Stepper(Service config)
        : service(std::move(config)), state(initial_state(std::make_shared<const Service>(service), 1)) {
        plan();
    }
    Stepper(const Stepper&) = delete;

    /// Decides at `now` and takes the decision as done.
    const Decision& plan() {
        last = make_plan(state, next_life, now);
        state = last.after;
        return last;
    }
    const Decision& hear(std::size_t backend, const HealthEvent& event) {
        on_verdict(state, backend, event, now);
        return plan();
    }
    const Decision& hear_operator(std::size_t backend, OperatorState said) {
        on_operator(state, backend, said);
        return plan();
    }
    const Decision& reload(const Service& configured) {
        state = reconfigure(state, configured).state;
        return plan();
    }
    const Decision& later(Duration wait) {
        now += wait;
        return plan();
    }
    void all_up() {
        for (std::size_t i = 0; i < service.backends.size(); ++i) hear(i, up());
    }

    /// The current life of a backend; 0: none.
    LifeId life(std::size_t backend) const {
        const auto& current = state.backends[backend].life;
        return current ? current->id : 0;
    }
    std::vector<LifeId> table(Family family = Family::v4) const { return slots_of(state, family); }
    /// What was ordered for `life` in the last decision, or nullptr.
    const ReseatOrder* order(LifeId life) const {
        for (const DueOrder& due : last.orders)
            if (due.order.life == life) return &due.order;
        return nullptr;
    }
    bool is_waiting(std::size_t backend, LifeId life) const {
        const auto& ended = state.backends[backend].ended;
        return std::ranges::any_of(ended, [&](const Life& l) { return l.id == life && l.waiting; });
    }

    const Service service;
    ServiceState state;
    Decision last;
    LifeId next_life = 100;
    TimePoint now = t0;
};

}  // namespace reseat::lb::test
