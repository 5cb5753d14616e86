// SPDX-License-Identifier: Apache-2.0
#include "bpf/events/failing_lives.hpp"

#include <chrono>
#include <utility>
#include <vector>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPause = 10ms;

template <class T>
T load(const T& word) {
    return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

/// Visits what all sets have of this life, the one in use last.
template <class Visit>
void each_outcome(const MapHandover& handover, lb::LifeId life, Visit visit) {
    const auto element = handover.lives().index_of(life);
    if (!element) return;
    handover.programs().outcomes.each(*element, [&](lb_outcome& outcome) {
        if (load(outcome.life) == life) visit(outcome);
    });
}

}  // namespace

lb::ConnectOutcomes read_outcomes(const MapHandover& handover, lb::LifeId life) {
    lb::ConnectOutcomes all;
    each_outcome(handover, life, [&](const lb_outcome& outcome) {
        all.failures += load(outcome.failures);
        all.resets += load(outcome.resets);
        all.failures_in_a_row = load(outcome.failures_in_a_row);
        all.resets_in_a_row = load(outcome.resets_in_a_row);
        all.unanswered += load(outcome.unanswered);
        all.unanswered_in_a_row = load(outcome.unanswered_in_a_row);
        all.answered |= load(outcome.answered) != 0;
        if (const auto error = load(outcome.error)) all.error = static_cast<int>(error);
    });
    return all;
}

bool is_told(const MapHandover& handover, lb::LifeId life, std::uint32_t told) {
    bool waits = false;
    each_outcome(handover, life,
                 [&](const lb_outcome& outcome) { waits |= (load(outcome.told) & told) != 0; });
    return waits;
}

void let_tell(const MapHandover& handover, lb::LifeId life, std::uint32_t told) {
    each_outcome(handover, life,
                 [told](lb_outcome& outcome) { __atomic_fetch_and(&outcome.told, ~told, __ATOMIC_SEQ_CST); });
}

void forget_row(const MapHandover& handover, lb::LifeId life) {
    each_outcome(handover, life, [](lb_outcome& outcome) {
        __atomic_store_n(&outcome.failures_in_a_row, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&outcome.resets_in_a_row, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&outcome.unanswered_in_a_row, 0, __ATOMIC_RELAXED);
    });
}

FailingLives::FailingLives(asio::any_io_executor executor, const MapHandover& handover, OnFailing on_failing)
    : handover_(handover), on_failing_(std::move(on_failing)), heard_(std::move(executor)) {}

std::uint64_t FailingLives::counted(lb::LifeId life) const {
    const auto outcomes = read_outcomes(handover_, life);
    return outcomes.failures + outcomes.resets + outcomes.unanswered;
}

void FailingLives::on_event(lb::LifeId life) {
    if (!told_.try_emplace(life, counted(life)).second) return;
    on_failing_(life);
    heard_.notify();
}

void FailingLives::on_lost_events() {
    for (const lb::LifeId life : handover_.lives().all())
        if (is_told(handover_, life, LB_TOLD_FAILING)) on_event(life);
}

Task<void> FailingLives::run() {
    while (true) {
        co_await heard_.wait();
        co_await sleep_for(kPause);
        for (const auto& [life, before] : std::exchange(told_, {})) {
            // A failure after this is reported; one before it is in the count.
            let_tell(handover_, life, LB_TOLD_FAILING);
            if (counted(life) != before) on_failing_(life);
        }
    }
}

}  // namespace reseat::bpf
