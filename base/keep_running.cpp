// SPDX-License-Identifier: Apache-2.0
#include "base/keep_running.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

namespace reseat {
namespace {

constexpr auto kPause = std::chrono::seconds(1);

}  // namespace

Task<void> keep_running(std::string name, std::function<Task<void>()> make) {
    while (true) {
        std::string failure = "ended";
        try {
            co_await make();
        } catch (const std::exception& error) {
            failure = error.what();
        }
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        spdlog::error("{}: {}; restarting it", name, failure);
        co_await sleep_for(kPause);
    }
}

}  // namespace reseat
