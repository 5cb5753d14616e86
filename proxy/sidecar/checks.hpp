// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/control/report/status.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace reseat::proxy {

/// The health checks that run: one for each target. All on one thread.
class Checks {
public:
    using OnResult =
        std::function<void(lb::BackendId, const lb::CheckStatus&, const std::optional<lb::HealthEvent>&)>;

    /// `means.commands` and `means.probes` are set here.
    Checks(asio::any_io_executor executor, lb::ProbeMeans means, OnResult on_result);
    ~Checks();

    /// Starts what is new, ends what is gone, and starts again what is checked differently now, with the
    /// health that is known. The others are not disturbed. Costs one comparison for each target.
    /// Of many new ones, the first 100 are checked at once and the others spread over start_spread(), so that
    /// neither we nor what they share are flooded; Checker::run() spreads their next checks over an interval.
    void follow(const std::vector<lb::CheckTarget>& targets);

    /// How long it takes until the last of `count` new ones has begun: 0.1 ms for each after the first 100,
    /// 750 ms at most.
    static Duration start_spread(std::size_t count);

    /// A connect of the workload's to this backend has just failed: it is probed at once (Checker::suspect).
    void suspect(lb::BackendId backend);

    /// How this backend is checked from now on (Checker::set_mode).
    void set_mode(lb::BackendId backend, lb::CheckMode mode);

    /// Ends all; nothing is reported any more. Their coroutines end in the next turns of the executor.
    void clear();

private:
    struct Check;

    void start(const lb::CheckTarget& target, Duration delay);
    void warn_of_descriptors(std::size_t backends);

    asio::any_io_executor executor_;
    lb::ProbeMeans means_;
    std::shared_ptr<lb::UrgentPace> pace_;
    OnResult on_result_;
    std::unordered_map<lb::BackendId, std::shared_ptr<Check>> running_;
    bool short_of_descriptors_ = false;  ///< and that was reported
};

}  // namespace reseat::proxy
