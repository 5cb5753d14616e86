// SPDX-License-Identifier: Apache-2.0
#include "base/semaphore.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>

namespace reseat {

std::optional<Semaphore::Held> Semaphore::take_at_once() {
    if (free_ == 0 || !waiting_.empty()) return std::nullopt;
    --free_;
    return Held(*this);
}

Task<Semaphore::Held> Semaphore::take() {
    if (auto held = take_at_once()) co_return std::move(*held);
    // In the list as long as it waits; also when the coroutine is destroyed while it does.
    struct Place {
        Semaphore& semaphore;
        std::list<asio::steady_timer>::iterator at;
        ~Place() {
            semaphore.waiting_.erase(at);
            semaphore.wake_next();
        }
    };
    const auto executor = co_await asio::this_coro::executor;
    const Place place{*this, waiting_.emplace(waiting_.end(), executor)};
    while (free_ == 0 || place.at != waiting_.begin()) {
        place.at->expires_at(asio::steady_timer::time_point::max());
        const auto [error] = co_await place.at->async_wait(asio::as_tuple(asio::deferred));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) throw boost::system::system_error(error);
    }
    --free_;
    co_return Held(*this);
}

void Semaphore::give_back() {
    ++free_;
    wake_next();
}

void Semaphore::wake_next() {
    if (free_ > 0 && !waiting_.empty()) waiting_.front().cancel();
}

}  // namespace reseat
