// SPDX-License-Identifier: Apache-2.0
#include "bpf/reseat_run.hpp"

#include "bpf/pace.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;
namespace asio = lb::asio;

/// A life is swept at once and, while something was not settled, so long after the sweep before.
constexpr std::array<lb::Duration, 4> kSweeps = {0ms, 1ms, 10ms, 100ms};
/// A worker that is found in the same call twice, so long apart, is taken to be stuck: a batch takes 1 ms.
constexpr lb::Duration kPatience = 100ms;

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

/// False: the worker is stuck and was overtaken, the step is to be taken anew.
lb::Task<bool> try_step(Workers& workers, std::shared_ptr<Sweep> sweep, Step step) {
    const auto baton = std::make_shared<Baton>();
    const auto wake_up = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor);
    const auto finished = std::make_shared<bool>(false);
    workers.run([=] { take_step(step, *sweep, baton); },
                [=] {
                    *finished = true;
                    wake_up->cancel();
                });
    std::uint64_t waits_in = 0;
    while (!*finished) {
        wake_up->expires_after(kPatience);
        boost::system::error_code ignored;
        co_await wake_up->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (*finished) break;
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)  // the worker goes on by itself
            throw boost::system::system_error(asio::error::operation_aborted);
        const std::uint64_t call = baton->waits_in();
        if (call && call == waits_in && baton->overtake(call, sweep->suspects)) {
            sweep->waiting = baton;
            co_return false;
        }
        waits_in = call;
    }
    co_return true;
}

lb::Task<void> take(Workers& workers, std::shared_ptr<Sweep> sweep, Step step) {
    bool taken = false;
    while (!taken) {
        lb::Task<bool> attempt = try_step(workers, sweep, step);
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
