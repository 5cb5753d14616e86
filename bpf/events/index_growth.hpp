// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "bpf/attach/map_handover.hpp"

#include <boost/asio/thread_pool.hpp>

namespace reseat::bpf {

/// Takes LB_EVENT_INDEX_LOW: doubles the room of the index of sockets, up to what it may have.
class IndexGrowth {
public:
    /// `pool` waits for grace periods.
    IndexGrowth(asio::any_io_executor executor, MapHandover& handover, asio::thread_pool& pool)
        : handover_(handover), pool_(pool), due_(executor) {}

    /// Few flows are free.
    void on_low() {
        is_low_ = true;
        due_.notify();
    }
    /// Events were lost: looks whether few are.
    void on_lost_events() { due_.notify(); }
    /// Looks once at the beginning. Runs until cancelled.
    Task<void> run();

private:
    Task<void> grow();

    MapHandover& handover_;
    asio::thread_pool& pool_;
    WakeUp due_;
    bool is_low_ = false;
};

}  // namespace reseat::bpf
