// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/steady_timer.hpp>

#include <list>
#include <optional>
#include <utility>

namespace reseat {

/// At most so many at once; later callers wait, in order. All on one thread.
class Semaphore {
public:
    explicit Semaphore(unsigned count) : free_(count) {}

    /// Holds a slot for as long as it lives. Empty: holds none.
    class Held {
    public:
        Held() = default;
        explicit Held(Semaphore& from) : from_(&from) {}
        Held(Held&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
        Held& operator=(Held&& other) noexcept {
            std::swap(from_, other.from_);
            return *this;
        }
        ~Held() {
            if (from_) from_->give_back();
        }

    private:
        Semaphore* from_ = nullptr;
    };

    /// A slot that is free now, if no caller waits for one: avoids the coroutine of take().
    std::optional<Held> take_at_once();
    /// Waits for a slot. Throws operation_aborted when cancelled. The Semaphore must outlive it.
    Task<Held> take();

private:
    void give_back();
    void wake_next();

    unsigned free_;
    std::list<asio::steady_timer> waiting_;
};

}  // namespace reseat
