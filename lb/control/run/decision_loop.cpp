// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/decision_loop.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <stdexcept>

namespace reseat::lb {

/// Belongs to the coroutine too, which may outlive the loop by one turn of the executor.
struct DecisionLoop::Shared {
    asio::steady_timer timer;
    std::function<TimePoint()> next_due;
    std::function<void(TimePoint)> turn;
    bool woken = false;
    bool over = false;
};

DecisionLoop::DecisionLoop(asio::any_io_executor executor, std::function<TimePoint()> next_due,
                           std::function<void(TimePoint)> turn)
    : executor_(executor),
      shared_(new Shared{asio::steady_timer(executor), std::move(next_due), std::move(turn)}) {}

DecisionLoop::~DecisionLoop() {
    shared_->over = true;
    shared_->timer.cancel();
    // Cancelled from outside the executor, Asio would deliver the signal after the coroutine has gone.
    asio::post(executor_, [task = std::move(task_)] {});
}

void DecisionLoop::start() {
    task_ = spawn(executor_, "controller", run(shared_), [executor = executor_](const std::string& failure) {
        asio::post(executor, [failure] { throw std::runtime_error(failure); });
    });
}

void DecisionLoop::wake() {
    shared_->woken = true;
    shared_->timer.cancel();
}

Task<void> DecisionLoop::run(std::shared_ptr<Shared> shared) {
    while (!shared->over) {
        if (!shared->woken) {
            shared->timer.expires_at(shared->next_due());
            boost::system::error_code cut_short;
            co_await shared->timer.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
        }
        if (shared->over) co_return;
        shared->woken = false;
        shared->turn(std::chrono::steady_clock::now());
    }
}

}  // namespace reseat::lb
