// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <initializer_list>
#include <optional>

#include <signal.h>
#include <sys/signalfd.h>

namespace reseat::proxy {

/// Signals as values, with their sender: asio::signal_set does not tell a terminal from a process. Blocks
/// them for this thread and those that it starts afterwards: make it before any thread. Restored when
/// destroyed.
class SignalSource {
public:
    explicit SignalSource(std::initializer_list<int> numbers);  ///< throws std::system_error
    ~SignalSource();
    SignalSource(const SignalSource&) = delete;
    SignalSource& operator=(const SignalSource&) = delete;

    struct Received {
        int number = 0;
        bool from_terminal = false;  ///< the whole foreground process group got it too
    };

    /// Waits for the next. One at a time.
    Task<Received> next(asio::any_io_executor executor);

private:
    std::optional<Received> take();

    sigset_t before_{};
    int descriptor_ = -1;
};

}  // namespace reseat::proxy
