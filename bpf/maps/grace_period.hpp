// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace reseat::bpf {

/// Runs actions once no program that runs now is still running: what such a program may read (a table
/// region, a backend element) is reused only after that. Some 8 ms, waited for off the event loop.
class GracePeriod {
public:
    /// Actions run on `executor`; `pool` does the waiting. Both must outlive this.
    GracePeriod(asio::any_io_executor executor, asio::thread_pool& pool);
    ~GracePeriod();

    /// Unless `owner` is gone by then.
    void after(std::weak_ptr<const void> owner, std::function<void()> action);

private:
    struct State;
    static void begin(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_;
};

}  // namespace reseat::bpf
