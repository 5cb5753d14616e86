// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"
#include "tests/unit/lb/control/support.hpp"

#include <map>
#include <random>
#include <set>

using namespace reseat;
using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// A data plane that only keeps the books, and complains.
struct Ledger {
    enum class State { serving, draining, condemned };
    std::map<LifeId, State> lives;
    std::map<Family, std::vector<LifeId>> tables;
    std::set<LifeId> ever;
    bool there = false;  ///< the service

    bool in_a_table(LifeId life) const {
        return std::ranges::any_of(tables, [&](const auto& t) { return contains(t.second, life); });
    }

    void apply(const Plan& plan) {
        if (!plan.remove_services.empty()) {
            REQUIRE(there);
            there = false;
            tables.clear();
        }
        if (!plan.add_services.empty()) {
            REQUIRE_FALSE(there);
            there = true;
        }
        if (!plan.change_services.empty() || !plan.tables.empty()) REQUIRE(there);
        for (const LifeSpec& spec : plan.begin) {
            REQUIRE(ever.insert(spec.life).second);  // ids are never used again
            lives[spec.life] = State::serving;
        }
        for (const Table& table : plan.tables) {
            for (LifeId life : table.slots) REQUIRE(lives.contains(life));
            tables[table.family] = table.slots;
        }
        for (LifeId life : plan.drain) {
            REQUIRE(lives.at(life) != State::draining);  // condemned: it is kept
            lives[life] = State::draining;
        }
        for (LifeId life : plan.resume) move(life, State::draining, State::serving);
        for (LifeId life : plan.condemn) {
            REQUIRE(lives.at(life) != State::condemned);
            lives[life] = State::condemned;
            REQUIRE_FALSE(in_a_table(life));  // so a plan that condemns carries the changed table
        }
        for (LifeId life : plan.retire) {
            REQUIRE(lives.at(life) == State::condemned);
            lives.erase(life);
        }
        for (const auto& [family, slots] : tables)
            for (LifeId life : slots) REQUIRE(lives.at(life) == State::serving);
    }

    void move(LifeId life, State from, State to) {
        REQUIRE(lives.at(life) == from);
        lives[life] = to;
    }
};

class Dice {
public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    unsigned below(unsigned limit) { return std::uniform_int_distribution<unsigned>(0, limit - 1)(engine_); }
    bool coin() { return below(2) == 0; }
    template <class T>
    T any_of(std::initializer_list<T> list) {
        return *(list.begin() + below(static_cast<unsigned>(list.size())));
    }

private:
    std::mt19937 engine_;
};

Service random_service(Dice& dice) {
    constexpr auto keep = SocketFate::keep, drain = SocketFate::drain, terminate = SocketFate::terminate;
    Service made = service(1 + dice.below(4), dice.any_of({Protocol::tcp, Protocol::udp}));
    if (dice.coin()) made.backends.push_back(backend("six", "[fd00::1]:5432"));
    for (Backend& one : made.backends) {
        one.weight = dice.below(4);
        one.priority = dice.below(2);
        one.state = dice.any_of({OperatorState::ready, OperatorState::ready, OperatorState::ready,
                                 OperatorState::drain, OperatorState::maint});
    }
    made.lb_policy = dice.below(8) == 0 ? LbPolicy::maglev : LbPolicy::round_robin;
    made.panic_threshold = dice.any_of({0U, 0U, 50U, 100U});
    made.slow_start = dice.any_of<Duration>({0s, 0s, 5s});
    made.on_no_healthy = dice.any_of({OnNoHealthy::fail_open, OnNoHealthy::reject});
    Connections& c = made.connections;
    c.on_unreachable = dice.any_of({terminate, terminate, drain, keep});
    c.on_refused = dice.any_of({terminate, drain, keep});
    c.on_check_failed = dice.any_of({terminate, drain, keep});
    c.on_unresponsive = dice.any_of({terminate, drain, keep});
    c.on_drain = dice.any_of({terminate, drain, keep});
    c.udp = dice.any_of({UdpFate::repoint, UdpFate::terminate, UdpFate::keep});
    c.grace = dice.any_of<Duration>({0s, 0s, 2s});
    c.drain_timeout = dice.any_of<Duration>({0s, 5s, 300s});
    c.only_if_alternative = dice.coin();
    c.on_remove = dice.any_of({terminate, drain, keep});
    c.on_ejected = dice.any_of({terminate, drain, keep});
    c.on_recover = dice.any_of({OnRecover::keep, OnRecover::terminate_lower_priority});
    c.drain_quiet = dice.any_of<Duration>({0s, 0s, 4s});
    return made;
}

/// Some backends leave, others come or come back, and what is said of them changes.
Service random_reload(Dice& dice, const Service& full) {
    Service made = random_service(dice);
    made.protocol = full.protocol;
    made.addresses = full.addresses;
    if (dice.coin()) made.addresses.push_back(parse_endpoint("10.96.0.11:5432").value());
    std::erase_if(made.backends, [&](const Backend&) { return dice.below(3) == 0; });
    return made;
}

void reload_somehow(Stepper& step, Dice& dice) {
    if (auto rest = forget_gone(step.state)) step.state = std::move(rest->state);
    step.state = dice.below(4) == 0 ? remove(step.state).state
                                    : reconfigure(step.state, random_reload(dice, step.service)).state;
}

std::vector<AccessPolicy> random_policies(Dice& dice) {
    if (dice.coin()) return {};
    AccessPolicy deny{.name = "deny", .to = {{.cidr = {parse_address("10.0.1.1").value(), 128}}}};
    deny.existing = dice.any_of({ExistingSockets::terminate, ExistingSockets::keep});
    return {deny};
}

void something_happens(Stepper& step, Dice& dice) {
    const std::size_t count = step.state.backends.size();
    if (count == 0 || dice.below(8) == 0) {
        reload_somehow(step, dice);
        return;
    }
    const std::size_t backend = dice.below(static_cast<unsigned>(count));
    switch (dice.below(10)) {
        case 0:
            if (dice.coin()) {
                on_weight(step.state, backend, dice.below(4));
                break;
            }
            on_operator(step.state, backend,
                        dice.any_of({OperatorState::ready, OperatorState::ready, OperatorState::drain,
                                     OperatorState::maint}));
            break;
        case 1:
            for (Life& life : step.state.backends[backend].ended) life.vacated = dice.coin();
            if (step.state.backends[backend].removing && step.state.backends[backend].life)
                step.state.backends[backend].life->vacated = dice.coin();
            break;
        case 3:
            on_ejection(step.state, backend, dice.coin());
            break;
        case 4:
            on_termination(step.state, backend, step.now);
            break;
        case 5:
            on_policies(step.state, random_policies(dice));
            break;
        case 2:
            step.now += dice.any_of<Duration>({1s, 2s, 10s, 300s});
            break;
        default:
            on_verdict(step.state, backend, dice.any_of({up(), up(), no_answer(), refused(), bad_answer()}),
                       step.now);
    }
    if (dice.below(16) == 0) on_restart(step.state, backend, step.now, step.now);
}

void check_orders(const Stepper& step, const Ledger& ledger, std::set<LifeId>& ended) {
    const Service& service = *step.state.service;
    for (const auto& [backend, cause, order] : step.last.orders) {
        const Family family = service.backends[backend].endpoint.address.family();
        const auto& lives = step.state.backends[backend].ended;
        const auto life = std::ranges::find(lives, order.life, &Life::id);
        const bool must_end = step.state.removed || (life != lives.end() && life->must_end);
        if (service.connections.only_if_alternative && !must_end) REQUIRE(has_eligible(step.state, family));
        const bool quiet = order.quiet_for > Duration::zero();
        const bool nowhere = step.state.removed && service.connections.udp == UdpFate::repoint;
        REQUIRE(order.udp == (quiet     ? UdpFate::keep
                              : nowhere ? UdpFate::terminate
                                        : service.connections.udp));
        REQUIRE(ledger.lives.at(order.life) ==
                (order.terminate_tcp && !quiet ? Ledger::State::condemned : Ledger::State::draining));
        if (order.terminate_tcp && !quiet) REQUIRE(ended.insert(order.life).second);  // once
    }
}

void check_state(const Stepper& step, const Ledger& ledger, const std::set<LifeId>& ended) {
    std::size_t known = 0;
    for (std::size_t i = 0; i < step.state.backends.size(); ++i) {
        const BackendRecord& record = step.state.backends[i];
        known += record.ended.size() + record.life.has_value();
        const Candidate self = candidate(step.state, i);
        if (is_eligible(self)) REQUIRE(record.life);
        if (record.life && ledger.in_a_table(record.life->id)) {
            REQUIRE(may_be_used(self));
            REQUIRE_FALSE(record.removing);
        }
        if (record.removing && record.life) REQUIRE(record.life->state == Life::State::draining);
        for (const Life& life : record.ended) {
            if (life.kept) {
                REQUIRE(ledger.lives.at(life.id) == Ledger::State::draining);
                REQUIRE(record.life);
                REQUIRE_FALSE(ended.contains(life.id));
                continue;
            }
            REQUIRE(life.waiting != ended.contains(life.id));
            const bool spared =
                step.state.service->connections.only_if_alternative && !has_eligible(step.state, self.family);
            if (life.waiting && !life.order_at) REQUIRE(spared);
        }
    }
    REQUIRE(known == ledger.lives.size());
    if (step.state.removed) return;
    for (Family family : {Family::v4, Family::v6})
        if (has_eligible(step.state, family)) REQUIRE_FALSE(step.table(family).empty());
    if (step.last.next) REQUIRE(*step.last.next > step.now);
}

}  // namespace

TEST_CASE(
    "whatever happens: no condemned life in a table, none condemned before the table has changed, "
    "orders once and only with an alternative, no life lost by a reload [E14][E15][E33][E60][E65]",
    "[plan]") {
    for (unsigned seed = 0; seed < 400; ++seed) {
        CAPTURE(seed);
        Dice dice(seed);
        Stepper step(random_service(dice));
        Ledger ledger;
        std::set<LifeId> ended;
        ledger.apply(step.last.plan);
        for (int turn = 0; turn < 120; ++turn) {
            for (unsigned events = 1 + dice.below(3); events; --events) something_happens(step, dice);
            step.plan();
            ledger.apply(step.last.plan);
            check_orders(step, ledger, ended);
            check_state(step, ledger, ended);
            REQUIRE(step.plan().plan.empty());  // deciding again without stats changes nothing
            REQUIRE(step.last.orders.empty());
        }
    }
}
