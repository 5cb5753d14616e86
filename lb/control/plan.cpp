// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan.hpp"

#include "lb/select/selection_table.hpp"

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr std::array kFamilies = {Family::v4, Family::v6};

/// Makes one Decision: a pass per concern over `after`.
class Planner {
public:
    Planner(const ServiceState& state, LifeId& next_life, TimePoint now)
        : next_life_(next_life), now_(now), decision_{.after = state}, state_(decision_.after) {}

    Decision decide() {
        add_service();
        const std::vector<bool> used = choose_members();
        for (std::size_t i = 0; i < state_.backends.size(); ++i) settle(i, used[i]);
        for (Family family : kFamilies) tabulate(family);
        for (std::size_t i = 0; i < state_.backends.size(); ++i) order(i);
        return std::move(decision_);
    }

private:
    struct Sentence {
        SocketFate fate;
        Duration grace;
        EndCause cause;  ///< of a termination
    };

    void add_service() {
        if (state_.added) return;
        state_.added = true;
        const Service& service = *state_.service;
        decision_.plan.add_services.push_back(
            {state_.id, service.name, service.protocol, service.addresses, service.lb_policy});
    }

    /// Which backends serve new connections, by their position.
    std::vector<bool> choose_members() {
        std::vector<bool> used(state_.backends.size());
        std::vector<Candidate> candidates;
        for (std::size_t i = 0; i < used.size(); ++i) candidates.push_back(candidate(state_, i));
        for (Family family : kFamilies) {
            Choice choice = choose(candidates, family, state_.service->on_no_healthy);
            state_.family(family).from = choice.from;
            if (choice.from == ChosenFrom::eligible) remember_healthy(candidates, family);
            for (std::size_t member : choice.members) used[member] = true;
            members_[static_cast<std::size_t>(family)] = std::move(choice.members);
        }
        return used;
    }

    void remember_healthy(const std::vector<Candidate>& candidates, Family family) {
        for (std::size_t i = 0; i < candidates.size(); ++i)
            if (candidates[i].family == family) state_.backends[i].last_healthy = is_eligible(candidates[i]);
    }

    /// Brings the current life of one backend to where it belongs.
    void settle(std::size_t backend, bool used) {
        BackendRecord& record = state_.backends[backend];
        const Candidate self = candidate(state_, backend);
        if (record.life) {
            judge(*record.life, sentence(record, self, used));
            if (record.life->end_at && *record.life->end_at <= now_)
                condemn(record);
            else
                move(*record.life, used);
        }
        if (!record.life && (used || is_eligible(self))) begin(backend);
    }

    /// What becomes of the open sockets of the current life; none: they are well where they are.
    std::optional<Sentence> sentence(const BackendRecord& record, const Candidate& self, bool used) const {
        const Connections& connections = state_.service->connections;
        const bool down = record.health == Health::down;
        const SocketFate by_health = down ? fate_of(connections, record.evidence) : SocketFate::keep;
        const SocketFate by_operator = may_be_used(self) ? SocketFate::keep : connections.on_drain;
        if (!down && may_be_used(self)) return std::nullopt;
        if (by_operator > by_health) return Sentence{by_operator, Duration::zero(), EndCause::by_operator};
        // A life that began after the verdict was meant to be used in spite of it.
        const bool judged_before = record.life->begun_after == record.down_verdicts;
        if (used && (by_health != SocketFate::terminate || judged_before)) return std::nullopt;
        const EndCause cause = connections.grace > Duration::zero() ? EndCause::grace_over
                               : judged_before                      ? EndCause::alternative
                                                                    : EndCause::verdict;
        return Sentence{by_health, connections.grace, cause};
    }

    /// Starts the clocks of a new fate; the same fate again leaves them running.
    void judge(Life& life, const std::optional<Sentence>& sentence) {
        if (life.end_at && *life.end_at <= now_) return;  // fallen already; a recovery comes too late
        const auto fate = sentence ? std::optional(sentence->fate) : std::nullopt;
        if (life.fate == fate) return;
        life.fate = fate;
        life.end_at.reset();
        life.move_udp_at.reset();
        if (fate == SocketFate::terminate) {
            life.end_at = now_ + sentence->grace;
            life.end_cause = sentence->cause;
        } else if (fate == SocketFate::drain) {
            const Connections& connections = state_.service->connections;
            life.end_at = now_ + connections.drain_timeout;
            life.end_cause = EndCause::drain_timeout;
            if (state_.service->protocol == Protocol::udp && connections.udp != UdpFate::keep)
                life.move_udp_at = now_ + sentence->grace;
        }
    }

    /// Serving and draining as the data plane has them. A life that fail_open uses serves while its
    /// grace runs.
    void move(Life& life, bool used) {
        const bool serves = used || !life.fate;
        if (serves && life.state == Life::State::draining) {
            life.state = Life::State::serving;
            decision_.plan.resume.push_back(life.id);
        } else if (!serves && life.state == Life::State::serving) {
            life.state = Life::State::draining;
            decision_.plan.drain.push_back(life.id);
        }
    }

    void condemn(BackendRecord& record) {
        Life life = *std::exchange(record.life, std::nullopt);
        life.state = Life::State::condemned;
        life.end_at.reset();
        life.move_udp_at.reset();
        decision_.plan.condemn.push_back(life.id);
        record.ended.push_back(std::move(life));
    }

    void begin(std::size_t backend) {
        BackendRecord& record = state_.backends[backend];
        const LifeId id = record.spare ? std::exchange(record.spare, 0) : next_life_++;
        record.life = Life{.id = id, .begun_after = record.down_verdicts};
        decision_.plan.begin.push_back({id, state_.id, state_.service->backends[backend].endpoint});
    }

    void tabulate(Family family) {
        FamilyState& seen = state_.family(family);
        const auto& members = members_[static_cast<std::size_t>(family)];
        if (members.empty() && !seen.published && !is_spoken(family)) return;
        std::vector<unsigned> weights;
        for (std::size_t member : members) weights.push_back(state_.service->backends[member].weight);
        std::vector<LifeId> slots;
        for (std::uint32_t slot : smooth_weighted(weights))
            slots.push_back(state_.backends[members[slot]].life->id);
        if (seen.published && !seen.uncertain && seen.slots == slots) return;
        seen.published = true;
        seen.uncertain = false;
        seen.slots = slots;
        decision_.plan.tables.push_back({state_.id, family, std::move(slots)});
    }

    /// Whether clients can ask for this family at all: then even "nobody" is said explicitly.
    bool is_spoken(Family family) const {
        const Service& service = *state_.service;
        return std::ranges::any_of(service.addresses,
                                   [&](const Endpoint& e) { return e.address.family() == family; }) ||
               std::ranges::any_of(service.backends,
                                   [&](const Backend& b) { return b.endpoint.address.family() == family; });
    }

    /// Gives the orders of one backend's lives that are due, and notes when the next may be.
    void order(std::size_t backend) {
        BackendRecord& record = state_.backends[backend];
        const Connections& connections = state_.service->connections;
        const Family family = state_.service->backends[backend].endpoint.address.family();
        const bool released = !connections.only_if_alternative || has_eligible(state_, family);
        for (Life& life : record.ended) end(life, backend, released);
        std::erase_if(record.ended, [](const Life& life) { return life.vacated; });
        if (!record.life) return;
        Life& life = *record.life;
        if (life.state == Life::State::draining && life.move_udp_at && *life.move_udp_at <= now_ &&
            released) {
            life.move_udp_at.reset();
            decision_.orders.push_back({backend, EndCause::verdict, {life.id, false, connections.udp}});
        }
        if (life.end_at) note(*life.end_at);
        if (life.move_udp_at && *life.move_udp_at > now_) note(*life.move_udp_at);
    }

    void end(Life& life, std::size_t backend, bool released) {
        if (life.vacated) {
            decision_.plan.retire.push_back(life.id);
        } else if (!life.ordered && !released) {
            life.waiting = true;
        } else if (!life.ordered) {
            const EndCause cause = life.waiting ? EndCause::alternative : life.end_cause;
            life.waiting = false;
            life.ordered = true;
            decision_.orders.push_back({backend, cause, {life.id, true, state_.service->connections.udp}});
        }
    }

    void note(TimePoint when) { decision_.next = std::min(decision_.next.value_or(when), when); }

    LifeId& next_life_;
    TimePoint now_;
    Decision decision_;
    ServiceState& state_;
    std::array<std::vector<std::size_t>, 2> members_;
};

template <class T>
void append(std::vector<T>& list, std::vector<T>& more) {
    list.insert(list.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Decision make_plan(const ServiceState& state, LifeId& next_life, TimePoint now) {
    return Planner(state, next_life, now).decide();
}

void append(Plan& plan, Plan more) {
    append(plan.add_services, more.add_services);
    append(plan.change_services, more.change_services);
    append(plan.remove_services, more.remove_services);
    append(plan.begin, more.begin);
    append(plan.tables, more.tables);
    append(plan.drain, more.drain);
    append(plan.resume, more.resume);
    append(plan.condemn, more.condemn);
    append(plan.retire, more.retire);
}

}  // namespace reseat::lb
