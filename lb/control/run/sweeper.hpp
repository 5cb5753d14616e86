// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/data_plane.hpp"

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace reseat::lb {

using PolicyReports = std::vector<std::pair<std::string, TerminationReport>>;

/// Has sockets ended that no life knows of: those older than reseat, and those that a policy forbids. What
/// leaves sockets behind is tried again as orders are (order_runner.hpp), four times in all.
class Sweeper {
public:
    Sweeper(asio::any_io_executor executor, DataPlane& plane)
        : executor_(std::move(executor)), plane_(plane) {}
    /// Cancels what is under way, without a report.
    ~Sweeper();

    void end_untracked(UntrackedOrder order, std::function<void(const TerminationReport&)> on_report);
    /// In place of what is left of an earlier call.
    void enforce_policies(std::function<void(const PolicyReports&)> on_report);

private:
    struct Job;
    using Jobs = std::list<std::shared_ptr<Job>>;
    /// Says how many sockets it left behind.
    using Attempt = std::function<Task<unsigned>(const Job&)>;
    std::shared_ptr<Job> start(std::string name, Attempt attempt);
    static Task<void> run(std::shared_ptr<Job> job);

    asio::any_io_executor executor_;
    DataPlane& plane_;
    Jobs jobs_;
    std::shared_ptr<Job> enforcement_;
};

}  // namespace reseat::lb
