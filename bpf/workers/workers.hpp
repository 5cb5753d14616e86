// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <functional>
#include <memory>

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

/// Has `work` done by a thread and waits for it; throws what it throws. Cancelled: it continues on its own,
/// so what it uses must be its own.
Task<void> on_worker(Workers& workers, std::function<void()> work);

}  // namespace reseat::bpf
