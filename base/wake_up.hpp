// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/steady_timer.hpp>

namespace reseat {

/// A pause that another task may end early. One waiter at a time; all on one thread.
class WakeUp {
public:
    explicit WakeUp(asio::any_io_executor executor) : timer_(executor) {}

    /// Ends the pause under way, or the next one if there is none.
    void notify() {
        notified_ = true;
        timer_.cancel();
    }

    /// Returns after `duration`, or at notify(). Throws operation_aborted when cancelled.
    Task<void> wait_for(Duration duration);
    /// The same, until `due` at the latest.
    Task<void> wait_until(TimePoint due);

    /// Returns at notify(). Throws operation_aborted when cancelled.
    Task<void> wait();

private:
    asio::steady_timer timer_;
    bool notified_ = false;
};

}  // namespace reseat
