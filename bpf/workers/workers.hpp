// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <sys/types.h>

namespace reseat::bpf {

/// Threads for work that the kernel may keep waiting for as long as it likes (uninterruptibly). One that is
/// stuck delays no other, nor the destructor. They are in the network namespace of the caller of run(), and
/// end when there was nothing to do for a while.
class Workers {
public:
    /// `executor` is where run() is called and `done` is.
    explicit Workers(asio::any_io_executor executor);
    /// Waits for what is under way, but not for long: what is stuck then continues on its own, and what it
    /// uses must be its own.
    ~Workers();
    Workers(const Workers&) = delete;

    /// Has `work`, which may not throw, done by a thread; while all are busy it waits for one. `done` follows
    /// on the executor, unless this has ended meanwhile.
    void run(std::function<void()> work, std::function<void()> done);

private:
    struct State;
    std::shared_ptr<State> state_;
};

/// What a worker that makes blocking calls shares with the coroutine that waits for it. Thread-safe.
class Calls {
public:
    /// For the worker, before each call. False: it was abandoned, and ends.
    bool begin();
    /// For the worker, after each call: runs `keep`, unless it was abandoned meanwhile.
    void end(const std::function<void()>& keep);

    /// For the coroutine: which call, from 1, the worker sleeps in uninterruptibly; 0: in none.
    std::uint64_t sleeps_in();
    /// For the coroutine: false: the worker is not in that call any more. True: nothing is kept from now on.
    bool abandon(std::uint64_t call);

private:
    std::mutex mutex_;
    std::uint64_t begun_ = 0;
    pid_t thread_ = 0;
    bool inside_ = false;
    bool abandoned_ = false;
};

/// Has `work`, which makes these calls, done by a worker. False: it was found sleeping in one call twice,
/// 100 ms apart, and was abandoned: it ends when that call returns. Throws operation_aborted when cancelled:
/// the worker continues on its own.
Task<bool> run_until_stuck(Workers& workers, std::shared_ptr<Calls> calls, std::function<void()> work);

/// Has `work` done by a thread and waits for it; throws what it throws. Cancelled: it continues on its own,
/// so what it uses must be its own.
Task<void> on_worker(Workers& workers, std::function<void()> work);

/// The same for work that returns something.
template <class T>
Task<T> value_from_worker(Workers& workers, std::function<T()> work) {
    const auto value = std::make_shared<std::optional<T>>();
    std::function<void()> keep = [value, work = std::move(work)] { value->emplace(work()); };
    Task<void> done = on_worker(workers, std::move(keep));
    co_await std::move(done);
    co_return std::move(**value);
}

}  // namespace reseat::bpf
