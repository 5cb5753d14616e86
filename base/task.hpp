// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <functional>
#include <memory>
#include <string>

namespace reseat {

namespace asio = boost::asio;
template <class T>
using Task = asio::awaitable<T>;

/// A running coroutine with a name and an owner. Destroying or cancelling it asks the coroutine to end
/// (terminal cancellation); being cancelled is not a failure.
class Spawned {
public:
    Spawned() = default;
    Spawned(Spawned&&) = default;
    Spawned& operator=(Spawned&& other);
    ~Spawned();

    void cancel();

private:
    friend Spawned spawn(asio::any_io_executor, std::string, Task<void>,
                         std::function<void(const std::string&)>);
    std::shared_ptr<asio::cancellation_signal> signal_;
    asio::any_io_executor executor_;
};

/// Starts `task`; if it ends with an exception other than cancellation, `on_failure` gets "NAME: what".
/// Never blocks. The executor must outlive the task.
[[nodiscard]] Spawned spawn(asio::any_io_executor executor, std::string name, Task<void> task,
                            std::function<void(const std::string&)> on_failure);

/// Waits; throws boost::system::system_error(operation_aborted) when cancelled.
Task<void> sleep_for(Duration duration);
/// Waits until it is cancelled; throws the same.
Task<void> sleep_for_ever();

}  // namespace reseat
