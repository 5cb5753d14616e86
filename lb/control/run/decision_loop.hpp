// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <functional>
#include <memory>

namespace reseat::lb {

/// Takes a turn when woken, and when one is due. Wakes within one turn of the event loop become one turn
/// here.
class DecisionLoop {
public:
    /// `next_due` is asked after each turn. A turn that throws ends the process through
    /// io_context::run(): a controller that no longer decides is worse than none.
    DecisionLoop(asio::any_io_executor executor, std::function<TimePoint()> next_due,
                 std::function<void(TimePoint)> turn);
    /// No turn is taken any more.
    ~DecisionLoop();

    void start();
    /// The next turn comes with the next turn of the event loop, never from within this call.
    void wake();

private:
    struct Shared;
    static Task<void> run(std::shared_ptr<Shared> shared);

    asio::any_io_executor executor_;
    std::shared_ptr<Shared> shared_;
    Spawned task_;
};

}  // namespace reseat::lb
