// SPDX-License-Identifier: Apache-2.0
#include "base/task.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace reseat {

namespace {

void tell(const std::exception_ptr& failure, const std::string& name,
          const std::function<void(const std::string&)>& on_failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const asio::multiple_exceptions& several) {  // of tasks joined by &&: the first one counts
        tell(several.first_exception(), name, on_failure);
    } catch (const boost::system::system_error& error) {
        if (error.code() != asio::error::operation_aborted) on_failure(name + ": " + error.what());
    } catch (const std::exception& error) {
        on_failure(name + ": " + error.what());
    }
}

}  // namespace

Spawned& Spawned::operator=(Spawned&& other) {
    if (this != &other) {
        cancel();
        signal_ = std::move(other.signal_);
        executor_ = std::move(other.executor_);
    }
    return *this;
}

Spawned::~Spawned() {
    cancel();
}

void Spawned::cancel() {
    if (!signal_) return;
    // From outside the loop, co_spawn's handler posts a pointer into the signal (Boost 1.81): whoever emits
    // must keep the signal alive, as the task may have ended. Emitted inside, nothing is posted any more.
    asio::dispatch(executor_,
                   [signal = std::move(signal_)] { signal->emit(asio::cancellation_type::terminal); });
    signal_.reset();
}

Spawned spawn(asio::any_io_executor executor, std::string name, Task<void> task,
              std::function<void(const std::string&)> on_failure) {
    Spawned spawned;
    spawned.signal_ = std::make_shared<asio::cancellation_signal>();
    spawned.executor_ = executor;
    // The handler keeps the signal: its slot must outlive the operations bound to it.
    auto done = [signal = spawned.signal_, name = std::move(name),
                 on_failure = std::move(on_failure)](std::exception_ptr failure) {
        if (failure) tell(failure, name, on_failure);
    };
    asio::co_spawn(executor, std::move(task),
                   asio::bind_cancellation_slot(spawned.signal_->slot(), std::move(done)));
    return spawned;
}

Task<void> sleep_for(Duration duration) {
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}

Task<void> sleep_for_ever() {
    asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace reseat
