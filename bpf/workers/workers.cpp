// SPDX-License-Identifier: Apache-2.0
#include "bpf/workers/workers.hpp"

#include "base/read_file.hpp"

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
#include <string>
#include <thread>

#include <unistd.h>

namespace reseat::bpf {
namespace {

constexpr unsigned kMaxThreads = 64;
constexpr auto kLastPatience = std::chrono::seconds(1);
constexpr auto kIdleTime = std::chrono::seconds(10);
/// A worker that is found in the same call twice, so long apart, is taken to be stuck: a call takes 1 ms.
constexpr Duration kPatience = std::chrono::milliseconds(100);

/// Waiting for a lock, which no signal ends. On a busy machine a thread may also be late because others run.
bool sleeps_uninterruptibly(pid_t thread) {
    const auto stat = read_file("/proc/self/task/" + std::to_string(thread) + "/stat");
    const auto name_end = stat ? stat->rfind(") ") : std::string::npos;
    return name_end != std::string::npos && stat->compare(name_end + 2, 1, "D") == 0;
}

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

bool Calls::begin() {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return false;
    thread_ = gettid();
    inside_ = true;
    ++begun_;
    return true;
}

void Calls::end(const std::function<void()>& keep) {
    const std::lock_guard lock(mutex_);
    inside_ = false;
    if (!abandoned_) keep();
}

std::uint64_t Calls::sleeps_in() {
    const std::lock_guard lock(mutex_);
    return inside_ && sleeps_uninterruptibly(thread_) ? begun_ : 0;
}

bool Calls::abandon(std::uint64_t call) {
    const std::lock_guard lock(mutex_);
    abandoned_ = inside_ && begun_ == call;
    return abandoned_;
}

Task<bool> run_until_stuck(Workers& workers, std::shared_ptr<Calls> calls, std::function<void()> work) {
    const auto wake_up = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor);
    const auto finished = std::make_shared<bool>(false);
    workers.run(std::move(work), [=] {
        *finished = true;
        wake_up->cancel();
    });
    std::uint64_t before = 0;
    while (true) {
        wake_up->expires_after(kPatience);
        boost::system::error_code ignored;
        co_await wake_up->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (*finished) co_return true;
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
        const std::uint64_t now = calls->sleeps_in();
        if (now && now == before && calls->abandon(now)) co_return false;
        before = now;
    }
}

Task<void> on_worker(Workers& workers, std::function<void()> work) {
    const auto failure = std::make_shared<std::exception_ptr>();
    std::function<void()> guarded = [failure, work = std::move(work)] {
        try {
            work();
        } catch (...) {
            *failure = std::current_exception();
        }
    };
    Task<bool> run = run_until_stuck(workers, std::make_shared<Calls>(), std::move(guarded));
    co_await std::move(run);  // it makes no calls in which it might be stuck
    if (*failure) std::rethrow_exception(*failure);
}

}  // namespace reseat::bpf
