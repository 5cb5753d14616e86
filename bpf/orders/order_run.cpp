// SPDX-License-Identifier: Apache-2.0
#include "bpf/orders/order_run.hpp"

#include "bpf/workers/supervised.hpp"

#include <algorithm>
#include <array>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

/// A life is swept at once and, while something was not settled, so long after the sweep before.
constexpr std::array<Duration, 4> kSweeps = {0ms, 1ms, 10ms, 100ms};
/// And so many more times at the last pause, while there are descriptors that no process has: until they
/// arrive, no process can use their sockets.
constexpr std::size_t kSweepsInFlight = 10;

}  // namespace

Task<lb::TerminationReport> run_order(std::shared_ptr<OrderExecutor> reseater, Workers& workers,
                                      lb::ReseatOrder order, std::uint32_t backend) {
    const auto start = std::chrono::steady_clock::now();
    // Shared: a worker may use it while the caller of this goes away.
    const auto sweep = std::make_shared<Sweep>();
    sweep->order = order;
    sweep->backend = backend;
    sweep->last_done = start;
    for (std::size_t i = 0; !sweep->last; ++i) {
        if (i > 0) co_await sleep_for(kSweeps[std::min(i, kSweeps.size() - 1)]);
        sweep->last = i + 1 >= kSweeps.size() + (sweep->in_flight ? kSweepsInFlight : 0);
        Step look = [reseater, sweep](const std::shared_ptr<Baton>& baton) { reseater->look(*sweep, baton); };
        Task<void> looked = supervise(workers, sweep, std::move(look));
        co_await std::move(looked);
        std::function<std::size_t()> left = [sweep] { return sweep->tcp.size(); };
        std::function<void(const std::shared_ptr<Baton>&, std::size_t)> end =
            [reseater, sweep](const auto& baton, std::size_t most) {
                reseater->end_tcp(*sweep, baton, most);
            };
        Task<void> ended = supervise_paced(workers, sweep, order.spread, std::move(left), std::move(end));
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
