// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace reseat {

/// Runs `task` on `pool` and waits until it has ended, cancelled or not. A cancellation stays here: Asio
/// would post a pointer to its signal to the pool, and the signal may be gone by then (Boost 1.81).
template <class T>
Task<T> run_on(asio::thread_pool& pool, Task<T> task) {
    co_return co_await asio::co_spawn(
        pool, std::move(task), asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

}  // namespace reseat
