// SPDX-License-Identifier: Apache-2.0
#include "lb/control/plan/plan.hpp"

#include "lb/control/plan/fate.hpp"
#include "lb/control/plan/service_state.hpp"
#include "lb/control/plan/tables.hpp"

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
        place_service();
        warm_up();
        const std::vector<bool> used = choose_members();
        for (std::size_t i = 0; i < state_.backends.size(); ++i) settle(i, used[i]);
        if (!state_.removed)
            for (Family family : kFamilies) tabulate(family);
        DueOrders due = give_orders(state_, now_);
        decision_.orders = std::move(due.orders);
        auto& retire = decision_.plan.retire;
        retire.insert(retire.end(), due.retire.begin(), due.retire.end());
        decision_.next = due.next;
        keep_overrides();
        if (warming_ && (!due.next || step_ < *due.next)) decision_.next = step_;
        return std::move(decision_);
    }

private:
    /// Whether and how the data path knows the service.
    void place_service() {
        const Service& service = *state_.service;
        const ServiceSpec spec{state_.id,         service.name,      service.protocol,
                               service.addresses, service.lb_policy, service.hash_key};
        if (state_.removed) {
            if (std::exchange(state_.added, false)) decision_.plan.remove_services.push_back(state_.id);
            state_.families = {};
        } else if (!std::exchange(state_.added, true)) {
            decision_.plan.add_services.push_back(spec);
        } else if (state_.changed) {
            decision_.plan.change_services.push_back(spec);
        }
        state_.changed = false;
    }

    /// slow_start: those that became eligible since the last decision begin with a tenth of their weight,
    /// unless the service began with them. Not with maglev: each step would move keys.
    void warm_up() {
        const Service& service = *state_.service;
        const bool slow = service.slow_start > Duration::zero() && service.lb_policy != LbPolicy::maglev;
        for (std::size_t i = 0; i < state_.backends.size(); ++i) {
            BackendRecord& record = state_.backends[i];
            const bool eligible = is_eligible(candidate(state_, i));
            if (eligible && !record.was_eligible && !record.starting) record.warming_since = now_;
            if (!eligible || !slow) record.warming_since.reset();
            if (eligible) record.starting = false;
            record.was_eligible = eligible;
            record.tenths = kFullTenths;
            if (!record.warming_since) continue;
            record.tenths = warm_tenths(*record.warming_since, service.slow_start, now_);
            if (record.tenths == kFullTenths) record.warming_since.reset();
            warming_ |= record.warming_since.has_value();
        }
        if (warming_) step_ = next_step(service.slow_start, now_);
    }

    /// Which backends serve new connections, by their position.
    std::vector<bool> choose_members() {
        std::vector<bool> used(state_.backends.size());
        std::vector<Candidate> candidates;
        for (std::size_t i = 0; i < used.size(); ++i) candidates.push_back(candidate(state_, i));
        for (Family family : kFamilies) {
            Choice choice =
                choose(candidates, family, on_no_healthy(family), state_.service->panic_threshold);
            state_.family(family).from = choice.from;
            if (choice.from == ChosenFrom::eligible || choice.from == ChosenFrom::panic)
                remember_healthy(candidates, family);
            for (std::size_t member : choice.members) used[member] = true;
            members_[static_cast<std::size_t>(family)] = std::move(choice.members);
        }
        return used;
    }

    /// To hang on a dead backend of one family is worse than to be refused, while the other family serves.
    OnNoHealthy on_no_healthy(Family family) const {
        return other_family_serves(state_, family) ? OnNoHealthy::reject : state_.service->on_no_healthy;
    }

    void remember_healthy(const std::vector<Candidate>& candidates, Family family) {
        for (std::size_t i = 0; i < candidates.size(); ++i)
            if (candidates[i].family == family) state_.backends[i].last_healthy = is_eligible(candidates[i]);
    }

    /// Brings the lives of one backend to where they belong.
    void settle(std::size_t backend, bool used) {
        BackendRecord& record = state_.backends[backend];
        if (record.removing && record.spare) {
            decision_.plan.condemn.push_back(record.spare);
            decision_.plan.retire.push_back(std::exchange(record.spare, 0));
        }
        for (Life& life : record.ended) {
            if (is_to_be_kept(backend, life)) keep(life);
            life.kept &= !life.vacated;
            // Inherited beside a newer one, or not kept any more.
            if (!life.kept && life.state != Life::State::condemned) condemn(life);
        }
        if (record.life) {
            decide_fate(state_, backend, used, now_);
            if (!used && is_superseded(backend)) supersede(*record.life, now_);
            const bool gone =
                record.removing && record.life->vacated && std::ranges::none_of(record.ended, &Life::kept);
            if (gone || (record.life->end_at && *record.life->end_at <= now_)) {
                condemn(*record.life);
                end_kept(record);
                record.ended.push_back(*std::exchange(record.life, std::nullopt));
            } else {
                move(*record.life, used);
            }
        }
        if (!record.life && (used || is_eligible(candidate(state_, backend)))) begin(backend);
    }

    bool is_superseded(std::size_t backend) const {
        if (state_.service->connections.on_recover != OnRecover::terminate_lower_priority) return false;
        const Backend& config = state_.service->backends[backend];
        const Family family = config.endpoint.address.family();
        if (state_.family(family).from != ChosenFrom::eligible) return false;
        const std::size_t carrier = members_[static_cast<std::size_t>(family)].front();
        return state_.backends[backend].life->has_served &&
               config.priority > state_.service->backends[carrier].priority;
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

    /// What waits for its own backend stays when that is back. What an earlier process left condemned may
    /// have been given its order.
    bool is_to_be_kept(std::size_t backend, const Life& life) const {
        return life.waiting && !life.must_end && !life.forgotten && life.end_cause != EndCause::inherited &&
               is_eligible(candidate(state_, backend)) && !state_.backends[backend].presumed;
    }

    void keep(Life& life) {
        life.kept = true;
        life.waiting = false;
        life.order_at.reset();
        life.state = Life::State::draining;
        decision_.plan.drain.push_back(life.id);
    }

    void end_kept(BackendRecord& record) {
        for (Life& life : record.ended) {
            if (!std::exchange(life.kept, false)) continue;
            life.end_cause = record.life->end_cause;
            life.must_end = record.life->must_end;
            condemn(life);
        }
    }

    void condemn(Life& life) {
        life.state = Life::State::condemned;
        life.end_at.reset();
        life.move_udp_at.reset();
        life.end_quiet_at.reset();
        decision_.plan.condemn.push_back(life.id);
    }

    void begin(std::size_t backend) {
        BackendRecord& record = state_.backends[backend];
        const LifeId id = record.spare ? std::exchange(record.spare, 0) : next_life_++;
        record.life = Life{.id = id, .since = now_, .begun_after = record.verdicts_against};
        decision_.plan.begin.push_back({id, state_.id, state_.service->backends[backend].endpoint});
    }

    void tabulate(Family family) {
        FamilyState& seen = state_.family(family);
        const auto& members = members_[static_cast<std::size_t>(family)];
        for (std::size_t member : members) state_.backends[member].life->has_served = true;
        if (members.empty() && !seen.published && !is_spoken(family)) return;
        Shares shares = share_out(state_, family, members);
        if (seen.published && !seen.uncertain && seen.shares == shares) return;
        seen.published = true;
        seen.uncertain = false;
        seen.shares = std::move(shares);
        decision_.plan.tables.push_back({state_.id, family, slots_of(state_, family)});
    }

    /// Whether clients can ask for this family at all: then even "none" is published.
    bool is_spoken(Family family) const {
        const Service& service = *state_.service;
        return std::ranges::any_of(service.addresses,
                                   [&](const Endpoint& e) { return e.address.family() == family; }) ||
               std::ranges::any_of(service.backends,
                                   [&](const Backend& b) { return b.endpoint.address.family() == family; });
    }

    /// For the next process.
    void keep_overrides() {
        std::vector<OperatorOverride> overrides = overrides_of(state_);
        if (overrides == state_.overrides) return;
        state_.overrides = overrides;
        decision_.plan.overrides.push_back({state_.id, std::move(overrides)});
    }

    LifeId& next_life_;
    TimePoint now_;
    Decision decision_;
    ServiceState& state_;
    std::array<std::vector<std::size_t>, 2> members_;
    bool warming_ = false;
    TimePoint step_;  ///< while one is warming: the next time that a weight grows
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
    append(plan.overrides, more.overrides);
}

}  // namespace reseat::lb
