// SPDX-License-Identifier: Apache-2.0
#include "bpf/maps/grace_period.hpp"

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reseat::bpf {

struct GracePeriod::State {
    struct Action {
        std::weak_ptr<const void> owner;
        std::function<void()> run;
    };
    asio::any_io_executor executor;
    asio::thread_pool& pool;
    std::vector<Action> waiting;  ///< for the next period
    bool running = false;
    bool over = false;
};

GracePeriod::GracePeriod(asio::any_io_executor executor, asio::thread_pool& pool)
    : state_(std::make_shared<State>(State{std::move(executor), pool, {}, false, false})) {}

GracePeriod::~GracePeriod() {
    state_->over = true;
}

void GracePeriod::after(std::weak_ptr<const void> owner, std::function<void()> action) {
    state_->waiting.push_back({std::move(owner), std::move(action)});
    if (!state_->running) begin(state_);
}

void GracePeriod::begin(const std::shared_ptr<State>& state) {
    state->running = true;
    asio::post(state->pool, [state, due = std::exchange(state->waiting, {})]() mutable {
        // An expedited barrier does not wait for RCU readers; this one does (synchronize_rcu).
        const bool passed = syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;
        asio::post(state->executor, [state, passed, due = std::move(due)] {
            state->running = false;
            if (state->over) return;
            if (!passed)  // refused by a seccomp filter, say: then nothing is ever reused
                spdlog::warn(
                    "membarrier() is not available: replaced tables are not freed until reseat stops");
            else
                for (const auto& action : due)
                    if (const auto owner = action.owner.lock()) action.run();
            if (!state->waiting.empty()) begin(state);
        });
    });
}

}  // namespace reseat::bpf
