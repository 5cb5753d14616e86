// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace reseat::bpf {

/// Runs `task` on `pool` and waits until it has ended, cancelled or not. A cancellation stays here: Asio
/// would post a pointer to its signal to the pool, and the signal may be gone by then (Boost 1.81).
template <class T>
lb::Task<T> run_on(lb::asio::thread_pool& pool, lb::Task<T> task) {
    co_return co_await lb::asio::co_spawn(
        pool, std::move(task),
        lb::asio::bind_cancellation_slot(lb::asio::cancellation_slot(), lb::asio::use_awaitable));
}

}  // namespace reseat::bpf
