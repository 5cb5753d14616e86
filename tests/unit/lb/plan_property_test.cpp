// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lb/control_support.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

using namespace reseat::lb;
using namespace reseat::lb::test;

namespace {

/// A data plane that only keeps the books, and complains.
struct Ledger {
    enum class State { serving, draining, condemned };
    std::map<LifeId, State> lives;
    std::map<Family, std::vector<LifeId>> tables;
    std::set<LifeId> ever;

    bool in_a_table(LifeId life) const {
        return std::ranges::any_of(tables, [&](const auto& t) { return contains(t.second, life); });
    }

    void apply(const Plan& plan) {
        for (const LifeSpec& spec : plan.begin) {
            REQUIRE(ever.insert(spec.life).second);  // ids are never used again
            lives[spec.life] = State::serving;
        }
        for (const Table& table : plan.tables) {
            REQUIRE((!tables.contains(table.family) || tables[table.family] != table.slots));
            for (LifeId life : table.slots) REQUIRE(lives.contains(life));
            tables[table.family] = table.slots;
        }
        for (LifeId life : plan.drain) move(life, State::serving, State::draining);
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
    made.on_no_healthy = dice.any_of({OnNoHealthy::fail_open, OnNoHealthy::reject});
    Connections& c = made.connections;
    c.on_unreachable = dice.any_of({terminate, terminate, drain, keep});
    c.on_refused = dice.any_of({terminate, drain, keep});
    c.on_check_failed = dice.any_of({terminate, drain, keep});
    c.on_drain = dice.any_of({terminate, drain, keep});
    c.udp = dice.any_of({UdpFate::repoint, UdpFate::terminate, UdpFate::keep});
    c.grace = dice.any_of<Duration>({0s, 0s, 2s});
    c.drain_timeout = dice.any_of<Duration>({0s, 5s, 300s});
    c.only_if_alternative = dice.coin();
    return made;
}

void something_happens(Stepper& step, Dice& dice) {
    const std::size_t backend = dice.below(static_cast<unsigned>(step.service.backends.size()));
    switch (dice.below(8)) {
        case 0:
            on_operator(step.state, backend,
                        dice.any_of({OperatorState::ready, OperatorState::ready, OperatorState::drain,
                                     OperatorState::maint}));
            break;
        case 1:
            for (Life& life : step.state.backends[backend].ended) life.vacated = dice.coin();
            break;
        case 2:
            step.now += dice.any_of<Duration>({1s, 2s, 10s, 300s});
            break;
        default:
            on_verdict(step.state, backend, dice.any_of({up(), up(), no_answer(), refused(), bad_answer()}),
                       step.now);
    }
}

void check_orders(const Stepper& step, const Ledger& ledger, std::set<LifeId>& ended) {
    for (const auto& [backend, cause, order] : step.last.orders) {
        const Family family = step.service.backends[backend].endpoint.address.family();
        if (step.service.connections.only_if_alternative) REQUIRE(has_eligible(step.state, family));
        REQUIRE(order.udp == step.service.connections.udp);
        REQUIRE(ledger.lives.at(order.life) ==
                (order.terminate_tcp ? Ledger::State::condemned : Ledger::State::draining));
        if (order.terminate_tcp) REQUIRE(ended.insert(order.life).second);  // once
    }
}

void check_state(const Stepper& step, const Ledger& ledger, const std::set<LifeId>& ended) {
    std::size_t known = 0;
    for (std::size_t i = 0; i < step.state.backends.size(); ++i) {
        const BackendRecord& record = step.state.backends[i];
        known += record.ended.size() + record.life.has_value();
        const Candidate self = candidate(step.state, i);
        if (is_eligible(self)) REQUIRE(record.life);
        if (record.life && ledger.in_a_table(record.life->id)) REQUIRE(may_be_used(self));
        for (const Life& life : record.ended) {
            REQUIRE(life.waiting != ended.contains(life.id));
            const bool spared =
                step.service.connections.only_if_alternative && !has_eligible(step.state, self.family);
            if (life.waiting) REQUIRE(spared);
        }
    }
    REQUIRE(known == ledger.lives.size());
    for (Family family : {Family::v4, Family::v6})
        if (has_eligible(step.state, family)) REQUIRE_FALSE(step.table(family).empty());
    if (step.last.next) REQUIRE(*step.last.next > step.now);
}

}  // namespace

TEST_CASE(
    "whatever happens: no condemned life in a table, none condemned before the table has changed, "
    "orders once and only with an alternative [E14][E60][E65]",
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
            REQUIRE(step.plan().plan.empty());  // deciding again without news changes nothing
            REQUIRE(step.last.orders.empty());
        }
    }
}
