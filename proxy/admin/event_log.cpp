// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/event_log.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace reseat::proxy {

EventLog::EventLog(asio::any_io_executor executor)
    : news_(std::move(executor), asio::steady_timer::time_point::max()) {}

void EventLog::append(lb::Event event) {
    if (events_.size() == kCapacity) make_room();
    ++counts_[event.type];
    ++totals_[event.type];
    events_.push_back(std::make_shared<const LoggedEvent>(
        LoggedEvent{++last_, std::chrono::system_clock::now(), std::move(event)}));
    news_.cancel();
}

void EventLog::make_room() {
    auto& [type, count] = *std::ranges::max_element(counts_, {}, [](const auto& one) { return one.second; });
    const auto is_it = [wanted = type](const auto& logged) { return logged->event.type == wanted; };
    const auto oldest = std::ranges::find_if(events_, is_it);
    last_dropped_ = std::max(last_dropped_, (*oldest)->id);
    events_.erase(oldest);
    --count;
}

void EventLog::close() {
    closed_ = true;
    news_.cancel();
}

LoggedEvents EventLog::after(std::uint64_t id) const {
    const auto first =
        std::ranges::upper_bound(events_, id, {}, [](const auto& logged) { return logged->id; });
    return {first, events_.end()};
}

Task<bool> EventLog::news(std::uint64_t id) {
    while (!closed_ && last_ <= id) {
        boost::system::error_code cut_short;  // by append(), by close(), or because we are to end
        co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
    }
    co_return last_ > id;
}

}  // namespace reseat::proxy
