// SPDX-License-Identifier: Apache-2.0
#include "bpf/reseat_run.hpp"

#include "bpf/pace.hpp"
#include "bpf/supervised.hpp"

#include <array>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

/// A life is swept at once and, while something was not settled, so long after the sweep before.
constexpr std::array<lb::Duration, 4> kSweeps = {0ms, 1ms, 10ms, 100ms};

using Step = std::function<void(Sweep&, const std::shared_ptr<Baton>&)>;

void take_step(const Step& step, Sweep& sweep, const std::shared_ptr<Baton>& baton) {
    baton->carry([&] {
        try {
            step(sweep, baton);
        } catch (const std::exception& error) {
            sweep.failed(error.what());
        }
    });
}

lb::Task<bool> try_once(Workers& workers, std::shared_ptr<Sweep> sweep, Step step) {
    const auto baton = std::make_shared<Baton>();
    lb::Task<bool> attempt = try_step(
        workers, baton, [=] { take_step(step, *sweep, baton); }, sweep->suspects);
    const bool taken = co_await std::move(attempt);
    if (!taken) sweep->waiting = baton;
    co_return taken;
}

lb::Task<void> take(Workers& workers, std::shared_ptr<Sweep> sweep, Step step) {
    bool taken = false;
    while (!taken) {
        lb::Task<bool> attempt = try_once(workers, sweep, step);
        taken = co_await std::move(attempt);
    }
}

lb::Task<void> end_tcp(Workers& workers, std::shared_ptr<Reseater> reseater, std::shared_ptr<Sweep> sweep) {
    const std::size_t count = sweep->tcp.size();
    const Pace pace(sweep->order.spread, count, std::chrono::steady_clock::now());
    while (!sweep->tcp.empty()) {
        const std::size_t due = pace.due(std::chrono::steady_clock::now());
        const std::size_t done = count - sweep->tcp.size();
        if (due <= done) {
            co_await lb::sleep_for(Pace::tick());
            continue;
        }
        Step step = [reseater, wanted = due - done](Sweep& state, const std::shared_ptr<Baton>& baton) {
            reseater->end_tcp(state, baton, wanted);
        };
        lb::Task<void> taken = take(workers, sweep, std::move(step));
        co_await std::move(taken);
    }
}

}  // namespace

lb::Task<lb::TerminationReport> run_order(std::shared_ptr<Reseater> reseater, Workers& workers,
                                          lb::ReseatOrder order, std::uint32_t backend) {
    const auto start = std::chrono::steady_clock::now();
    // Shared: a worker may be at it while whoever awaits this goes away.
    const auto sweep = std::make_shared<Sweep>();
    sweep->order = order;
    sweep->backend = backend;
    sweep->last_done = start;
    for (std::size_t i = 0; i < kSweeps.size(); ++i) {
        if (i > 0) co_await lb::sleep_for(kSweeps[i]);
        sweep->last = i + 1 == kSweeps.size();
        Step look = [reseater](Sweep& state, const std::shared_ptr<Baton>& baton) {
            reseater->look(state, baton);
        };
        lb::Task<void> looked = take(workers, sweep, std::move(look));
        co_await std::move(looked);
        lb::Task<void> ended = end_tcp(workers, reseater, sweep);
        co_await std::move(ended);
        if (!sweep->again) break;
    }
    lb::TerminationReport report = sweep->report;
    report.failed = sweep->left;
    report.matched = report.terminated + report.repointed + report.failed;
    report.duration = sweep->last_done - start;
    co_return report;
}

}  // namespace reseat::bpf
