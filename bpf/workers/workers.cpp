// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/workers.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <mutex>
#include <thread>

namespace reseat::bpf {
namespace {

constexpr unsigned kMaxThreads = 64;
constexpr auto kLastPatience = std::chrono::seconds(1);
constexpr auto kIdleTime = std::chrono::seconds(10);

}  // namespace

struct Workers::State {
    struct Job {
        std::function<void()> work;
        std::function<void()> done;
    };

    explicit State(asio::any_io_executor where) : executor(std::move(where)) {}

    void serve();

    asio::any_io_executor executor;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> waiting;
    std::list<std::function<void()>> under_way;  ///< what follows; it holds on to things of the executor
    unsigned threads = 0;
    unsigned idle = 0;
    bool over = false;
};

void Workers::State::serve() {
    std::unique_lock lock(mutex);
    while (true) {
        ++idle;
        const bool wanted = changed.wait_for(lock, kIdleTime, [this] { return over || !waiting.empty(); });
        --idle;
        if (over || !wanted) break;
        auto work = std::move(waiting.front().work);
        const auto done = under_way.insert(under_way.end(), std::move(waiting.front().done));
        waiting.pop_front();
        lock.unlock();
        work();
        work = nullptr;  // what it holds on to goes here, not on the executor
        lock.lock();
        if (over) break;
        asio::post(executor, std::move(*done));
        under_way.erase(done);
    }
    --threads;
    changed.notify_all();
}

Workers::Workers(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

Workers::~Workers() {
    std::unique_lock lock(state_->mutex);
    state_->over = true;
    state_->waiting.clear();
    state_->changed.notify_all();
    const bool all = state_->changed.wait_for(lock, kLastPatience, [this] { return state_->threads == 0; });
    state_->executor = {};  // nothing is posted any more
    state_->under_way.clear();
    if (!all)
        spdlog::warn(
            "{} blocked in the kernel: another thread holds the socket lock (for example, in a page "
            "fault inside send()); the termination completes when it is released",
            state_->threads == 1 ? "1 socket termination is"
                                 : fmt::format("{} socket terminations are", state_->threads));
}

void Workers::run(std::function<void()> work, std::function<void()> done) {
    const std::lock_guard lock(state_->mutex);
    state_->waiting.push_back({std::move(work), std::move(done)});
    if (state_->idle < state_->waiting.size() && state_->threads < kMaxThreads) {
        ++state_->threads;
        std::thread([state = state_] { state->serve(); }).detach();
    }
    state_->changed.notify_one();
}

Task<void> on_worker(Workers& workers, std::function<void()> work) {
    const auto wake_up = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor);
    const auto finished = std::make_shared<bool>(false);
    const auto failure = std::make_shared<std::exception_ptr>();
    wake_up->expires_at(asio::steady_timer::time_point::max());
    auto guarded = [failure, work = std::move(work)] {
        try {
            work();
        } catch (...) {
            *failure = std::current_exception();
        }
    };
    workers.run(std::move(guarded), [=] {
        *finished = true;
        wake_up->cancel();
    });
    boost::system::error_code ended;
    if (!*finished) co_await wake_up->async_wait(asio::redirect_error(asio::use_awaitable, ended));
    if (!*finished) throw boost::system::system_error(asio::error::operation_aborted);
    if (*failure) std::rethrow_exception(*failure);
}

}  // namespace reseat::bpf
