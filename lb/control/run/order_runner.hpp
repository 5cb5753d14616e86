// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <functional>
#include <map>
#include <memory>

namespace reseat::lb {

/// How long to wait after the `failures`-th order in a row that left sockets hanging: 100 ms, 1 s, 5 s,
/// then 30 s for ever.
Duration retry_delay(unsigned failures);

/// Runs orders, each life separately: one that is stuck delays no other.
class OrderRunner {
public:
    /// Hears what became of each order, retries included.
    using OnReport = std::function<void(const ReseatOrder&, const TerminationReport&)>;

    OrderRunner(asio::any_io_executor executor, DataPlane& plane, OnReport on_report);
    /// Cancels what is under way, without a report.
    ~OrderRunner();

    /// Has `order` carried out, and again while it leaves sockets hanging and the life is not idle. While
    /// another order of the same life is under way: after it. One with `quiet_for` is not tried again: what
    /// it leaves is not stuck.
    void issue(const ReseatOrder& order);

    /// An order that failed is not tried again: the backend of this life is healthy. What is under way goes
    /// on.
    void withdraw(LifeId life);

    /// An order of this life is under way or will be tried again.
    bool is_busy(LifeId life) const;
    /// Sockets that the last order could not end.
    unsigned stuck(LifeId life) const;

private:
    struct Job;
    void start(const ReseatOrder& order);
    static Task<void> run(std::shared_ptr<Job> job);

    asio::any_io_executor executor_;
    DataPlane& plane_;
    OnReport on_report_;
    std::map<LifeId, std::shared_ptr<Job>> jobs_;
};

}  // namespace reseat::lb
