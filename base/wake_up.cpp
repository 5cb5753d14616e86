// SPDX-License-Identifier: Apache-2.0
#include "base/wake_up.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>

#include <utility>

namespace reseat {

Task<void> WakeUp::wait_for(Duration duration) {
    return wait_until(std::chrono::steady_clock::now() + duration);
}

Task<void> WakeUp::wait_until(TimePoint due) {
    if (std::exchange(notified_, false)) co_return;
    timer_.expires_at(due);
    const auto [error] = co_await timer_.async_wait(asio::as_tuple(asio::deferred));
    const bool ended_early = std::exchange(notified_, false);
    if (error && !ended_early) throw boost::system::system_error(error);
}

Task<void> WakeUp::wait() {
    while (!std::exchange(notified_, false)) {
        timer_.expires_at(asio::steady_timer::time_point::max());
        const auto [error] = co_await timer_.async_wait(asio::as_tuple(asio::deferred));
        if (error && !notified_) throw boost::system::system_error(error);
    }
}

}  // namespace reseat
