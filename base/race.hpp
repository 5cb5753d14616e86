// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <optional>

namespace reseat {

/// What `work` returns, or nothing if `limit` ended first. The slower one is cancelled and has ended when
/// this returns, so both may refer to the caller's locals. Throws what the faster one throws; being
/// cancelled throws operation_aborted. (`operator||` would sit out the limit when `work` throws.)
template <class T>
Task<std::optional<T>> unless(Task<void> limit, Task<T> work) {
    const auto executor = co_await asio::this_coro::executor;
    auto [order, limit_failure, work_failure, result] =
        co_await asio::experimental::make_parallel_group(
            asio::co_spawn(executor, std::move(limit), asio::deferred),
            asio::co_spawn(executor, std::move(work), asio::deferred))
            .async_wait(asio::experimental::wait_for_one(), asio::deferred);
    const bool limit_first = order[0] == 0;
    if (const auto& failure = limit_first ? limit_failure : work_failure) std::rethrow_exception(failure);
    if (limit_first) co_return std::nullopt;
    co_return std::move(result);
}

/// The same with a time limit: a timer is less work than a coroutine that sleeps, and its cancellation, which
/// is the rule, throws nothing.
template <class T>
Task<std::optional<T>> with_timeout(Duration limit, Task<T> work) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, limit);
    auto [order, cut_short, failure, result] =
        co_await asio::experimental::make_parallel_group(
            timer.async_wait(asio::deferred), asio::co_spawn(executor, std::move(work), asio::deferred))
            .async_wait(asio::experimental::wait_for_one(), asio::deferred);
    const bool limit_first = order[0] == 0;
    if (limit_first && cut_short) throw boost::system::system_error(cut_short);
    if (limit_first) co_return std::nullopt;
    if (failure) std::rethrow_exception(failure);
    co_return std::move(result);
}

/// Runs both for ever; if one throws, the other is cancelled and has ended when this throws the same.
/// Returns when both have returned.
inline Task<void> both(Task<void> one, Task<void> other) {
    const auto executor = co_await asio::this_coro::executor;
    auto [order, one_failure, other_failure] =
        co_await asio::experimental::make_parallel_group(
            asio::co_spawn(executor, std::move(one), asio::deferred),
            asio::co_spawn(executor, std::move(other), asio::deferred))
            .async_wait(asio::experimental::wait_for_one_error(), asio::deferred);
    // The first that ended with a failure is the cause; the other's is only its cancellation.
    const auto& earlier = order[0] == 0 ? one_failure : other_failure;
    const auto& later = order[0] == 0 ? other_failure : one_failure;
    if (earlier) std::rethrow_exception(earlier);
    if (later) std::rethrow_exception(later);
}

}  // namespace reseat
