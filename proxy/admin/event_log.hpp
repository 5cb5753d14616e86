// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"
#include "lb/control/report/event.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace reseat::proxy {

/// An event as it is remembered.
struct LoggedEvent {
    std::uint64_t id = 0;  ///< from 1 on, in the order of time
    std::chrono::system_clock::time_point at{};
    lb::Event event;
};
using LoggedEvents = std::vector<std::shared_ptr<const LoggedEvent>>;

/// The events that are remembered: 1,000. When there is no room the type that has most of them gives up its
/// oldest, so that what happens every second does not push out what happens once. A follower reads from
/// here and has no buffer of its own: one that is too slow misses events. One thread.
class EventLog {
public:
    static constexpr std::size_t kCapacity = 1000;

    explicit EventLog(asio::any_io_executor executor);

    void append(lb::Event event);
    /// No more will come.
    void close();
    bool closed() const { return closed_; }

    /// Those with a greater id, the oldest first.
    LoggedEvents after(std::uint64_t id) const;
    std::uint64_t last() const { return last_; }
    /// How many of each type there ever were.
    const std::map<lb::Event::Type, std::uint64_t>& totals() const { return totals_; }
    /// One with a greater id is not remembered any more.
    bool missed_after(std::uint64_t id) const { return id < last_dropped_; }
    /// Waits for one with a greater id; false: the log is closed, none will come. Any number may wait. Throws
    /// operation_aborted when cancelled.
    Task<bool> news(std::uint64_t id);

private:
    void make_room();

    std::deque<std::shared_ptr<const LoggedEvent>> events_;
    std::map<lb::Event::Type, std::size_t> counts_;  ///< of those that are remembered
    std::map<lb::Event::Type, std::uint64_t> totals_;
    std::uint64_t last_ = 0;
    std::uint64_t last_dropped_ = 0;
    bool closed_ = false;
    asio::steady_timer news_;
};

}  // namespace reseat::proxy
