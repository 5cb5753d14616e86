// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/supervised.hpp"

#include "bpf/workers/pace.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;

/// A worker that is found in the same call twice, so long apart, is taken to be stuck: a batch takes 1 ms.
constexpr Duration kPatience = 100ms;

/// False: the worker is stuck in one call and was overtaken: `suspects` is what it waits for.
Task<bool> try_step(Workers& workers, std::shared_ptr<Baton> baton, std::function<void()> step,
                    std::vector<Flow>& suspects) {
    const auto wake_up = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor);
    const auto finished = std::make_shared<bool>(false);
    workers.run(std::move(step), [=] {
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
        if (state.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
        const std::uint64_t call = baton->waits_in();
        if (call && call == waits_in && baton->overtake(call, suspects)) co_return false;
        waits_in = call;
    }
    co_return true;
}

Task<bool> try_once(Workers& workers, std::shared_ptr<Supervised> state, Step step) {
    const auto baton = std::make_shared<Baton>();
    std::function<void()> carried = [state, step = std::move(step), baton] {
        baton->carry([&] {
            try {
                step(baton);
            } catch (const std::exception& error) {
                state->failed(error.what());
            }
        });
    };
    Task<bool> attempt = try_step(workers, baton, std::move(carried), state->suspects);
    const bool taken = co_await std::move(attempt);
    if (!taken) state->waiting = baton;
    co_return taken;
}

}  // namespace

Task<void> supervise(Workers& workers, std::shared_ptr<Supervised> state, Step step) {
    bool taken = false;
    while (!taken) {
        Task<bool> attempt = try_once(workers, state, step);
        taken = co_await std::move(attempt);
    }
}

Task<void> supervise_paced(Workers& workers, std::shared_ptr<Supervised> state,
                           std::optional<Duration> spread, std::function<std::size_t()> left,
                           std::function<void(const std::shared_ptr<Baton>&, std::size_t most)> step) {
    const std::size_t count = left();
    const Pace pace(spread, count, std::chrono::steady_clock::now());
    while (left() > 0) {
        const std::size_t due = pace.due(std::chrono::steady_clock::now());
        const std::size_t done = count - left();
        if (due <= done) {
            co_await sleep_for(Pace::tick());
            continue;
        }
        Step next = [step, most = due - done](const std::shared_ptr<Baton>& baton) { step(baton, most); };
        Task<void> taken = supervise(workers, state, std::move(next));
        co_await std::move(taken);
    }
}

}  // namespace reseat::bpf
