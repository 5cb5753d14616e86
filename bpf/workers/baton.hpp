// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/maps/flow_index.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <unistd.h>

namespace reseat::bpf {

/// What blocking() throws when another thread took over meanwhile: leave at once, touch nothing.
struct Overtaken {};

/// Between a worker and its supervisor. The worker has the baton, and with it the state that both share,
/// except while the kernel may keep it waiting: then it can be taken away from it, so that another worker
/// goes on. One baton per worker and step.
class Baton {
public:
    /// For the worker: its whole step. Returns at once if it was overtaken.
    template <class Step>
    void carry(Step step) {
        lock_ = std::unique_lock(mutex_);
        try {
            step();
        } catch (const Overtaken&) {
        }
        if (lock_) lock_.unlock();
    }

    /// For the worker: calls `call`, which may use nothing that is shared. `on` are the sockets whose locks
    /// it may wait for, one after the other. Throws Overtaken, else what `call` throws.
    template <class Call>
    auto blocking(std::span<const Flow> on, Call call) {
        on_.assign(on.begin(), on.end());
        thread_ = gettid();
        ++calls_;
        waits_ = true;
        lock_.unlock();
        std::optional<decltype(call())> result;
        std::exception_ptr failure;
        try {
            result.emplace(call());
        } catch (...) {
            failure = std::current_exception();
        }
        lock_.lock();
        if (overtaken_) throw Overtaken();
        waits_ = false;
        if (failure) std::rethrow_exception(failure);
        return std::move(*result);
    }

    /// For the supervisor: which call the worker waits in, from 1; 0: in none, or it only lacks a processor.
    std::uint64_t waits_in();
    /// For the supervisor: takes the baton if the worker still waits in that call. Then the state is the
    /// supervisor's, and `on` is what the worker waits for.
    bool overtake(std::uint64_t call, std::vector<Flow>& on);

private:
    std::mutex mutex_;
    std::unique_lock<std::mutex> lock_;  ///< the worker's
    std::vector<Flow> on_;
    pid_t thread_ = 0;
    std::uint64_t calls_ = 0;
    bool waits_ = false;
    bool overtaken_ = false;
};

}  // namespace reseat::bpf
