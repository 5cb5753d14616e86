// SPDX-License-Identifier: Apache-2.0
#include "bpf/supervised.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace reseat::bpf {
namespace {

using namespace std::chrono_literals;
namespace asio = lb::asio;

/// A worker that is found in the same call twice, so long apart, is taken to be stuck: a batch takes 1 ms.
constexpr lb::Duration kPatience = 100ms;

}  // namespace

lb::Task<bool> try_step(Workers& workers, std::shared_ptr<Baton> baton, std::function<void()> step,
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

}  // namespace reseat::bpf
