// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/orders.hpp"

#include "lb/health/check_mode.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

bool nowhere_to_repoint(const ServiceState& state) {
    return state.removed && state.service->connections.udp == UdpFate::repoint;
}

ReseatOrder termination(const ServiceState& state, LifeId life) {
    const Connections& connections = state.service->connections;
    return {.life = life,
            .terminate_tcp = true,
            .udp = nowhere_to_repoint(state) ? UdpFate::terminate : connections.udp,
            .spread = connections.close_spread};
}

ReseatOrder udp_move(const ServiceState& state, LifeId life) {
    const Connections& connections = state.service->connections;
    return {.life = life, .terminate_tcp = false, .udp = connections.udp, .spread = connections.close_spread};
}

ReseatOrder quiet_end(const ServiceState& state, LifeId life) {
    ReseatOrder order = termination(state, life);
    order.udp = UdpFate::keep;
    order.quiet_for = state.service->connections.drain_quiet;
    return order;
}

/// Until the next look, unless on_quiet_look() brings it forward.
Duration quiet_period(const Connections& connections) {
    return std::max<Duration>(std::chrono::seconds(1), connections.drain_quiet / 4);
}

class Giver {
public:
    Giver(ServiceState& state, TimePoint now) : state_(state), now_(now) {}

    DueOrders give() {
        for (std::size_t i = 0; i < state_.backends.size(); ++i) {
            BackendRecord& record = state_.backends[i];
            if (record.ended.empty() && !record.life) continue;
            const bool released = is_released(i);
            for (Life& life : record.ended)
                if (!life.kept) end(life, i, released);
            std::erase_if(record.ended, [](const Life& life) { return life.vacated; });
            if (record.life) drain(*record.life, i, released);
        }
        return std::move(due_);
    }

private:
    bool is_released(std::size_t backend) const {
        if (state_.removed || !state_.service->connections.only_if_alternative) return true;
        return has_alternative(state_, state_.service->backends[backend].endpoint.address.family());
    }

    void end(Life& life, std::size_t backend, bool released) {
        if (life.vacated) {
            due_.retire.push_back(life.id);
        } else if (!life.ordered && !released && !life.must_end) {
            life.waiting = true;
            life.order_at.reset();
        } else if (!life.ordered && waits_for_its_own(life, backend)) {
            due_.next = std::min(due_.next.value_or(*life.order_at), *life.order_at);
        } else if (!life.ordered) {
            const bool had_waited = life.waiting && !life.must_end && !life.forgotten;
            const EndCause cause = had_waited ? EndCause::alternative : life.end_cause;
            life.waiting = false;
            life.ordered = true;
            due_.orders.push_back({backend, cause, termination(state_, life.id)});
        }
    }

    /// When everybody was gone, the one that is back first is no reason yet to give the others up.
    bool waits_for_its_own(Life& life, std::size_t backend) const {
        if (!life.waiting || life.must_end || life.forgotten || life.end_cause == EndCause::inherited)
            return false;
        if (!may_return(state_, backend)) return false;
        const HealthCheck& check = state_.service->health_check;
        if (!life.order_at) life.order_at = now_ + check.timeout + UrgentPace::kOther;
        return *life.order_at > now_;
    }

    /// Of the current life and of those that share its fate.
    void order_all(std::size_t backend, EndCause cause, ReseatOrder order) {
        due_.orders.push_back({backend, cause, order});
        for (const Life& life : state_.backends[backend].ended) {
            if (!life.kept) continue;
            order.life = life.id;
            due_.orders.push_back({backend, cause, order});
        }
    }

    void drain(Life& life, std::size_t backend, bool released) {
        const bool draining = life.state == Life::State::draining;
        const Connections& connections = state_.service->connections;
        // A reload may have come between: what its clock was started for is not wanted any more.
        if (connections.drain_quiet == Duration::zero()) life.end_quiet_at.reset();
        if (connections.udp == UdpFate::keep || nowhere_to_repoint(state_)) {
            life.move_udp_at.reset();
            life.udp_moved = false;
        }
        if (draining && life.move_udp_at && *life.move_udp_at <= now_ && released) {
            life.move_udp_at.reset();
            life.udp_moved = true;
            order_all(backend, EndCause::verdict, udp_move(state_, life.id));
        }
        if (draining && life.end_quiet_at && *life.end_quiet_at <= now_) {
            life.end_quiet_at = now_ + quiet_period(connections);
            if (released) order_all(backend, EndCause::quiet, quiet_end(state_, life.id));
        }
        for (const auto& clock : {life.end_at, life.move_udp_at, life.end_quiet_at})
            if (clock && *clock > now_) due_.next = std::min(due_.next.value_or(*clock), *clock);
    }

    ServiceState& state_;
    TimePoint now_;
    DueOrders due_;
};

}  // namespace

DueOrders give_orders(ServiceState& state, TimePoint now) {
    return Giver(state, now).give();
}

std::optional<ReseatOrder> order_again(const ServiceState& state, std::size_t backend, LifeId life) {
    const BackendRecord& record = state.backends[backend];
    if (record.life && record.life->id == life && record.life->udp_moved) return udp_move(state, life);
    const auto ended = std::ranges::find(record.ended, life, &Life::id);
    if (ended == record.ended.end() || !ended->ordered) return std::nullopt;
    return termination(state, life);
}

}  // namespace reseat::lb
