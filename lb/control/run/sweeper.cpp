// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/sweeper.hpp"

#include "lb/control/run/order_runner.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace reseat::lb {
namespace {

constexpr unsigned kAttempts = 4;

}  // namespace

/// Shared with its coroutine, which may outlive the sweeper. `owner` is null from then on.
struct Sweeper::Job {
    Sweeper* owner;
    Attempt attempt;
    asio::steady_timer pause;
    Spawned task;
};

Sweeper::~Sweeper() {
    for (const auto& job : jobs_) {
        job->owner = nullptr;
        job->pause.cancel();
        // Cancelled from outside the executor, Asio would deliver the signal after the coroutine has gone.
        asio::post(executor_, [task = std::move(job->task)] {});
    }
}

std::shared_ptr<Sweeper::Job> Sweeper::start(std::string name, Attempt attempt) {
    auto job = std::make_shared<Job>(Job{this, std::move(attempt), asio::steady_timer(executor_), {}});
    jobs_.push_back(job);
    job->task = spawn(executor_, std::move(name), run(job), [job](const std::string& failure) {
        spdlog::error("{}", failure);
        if (job->owner) job->owner->jobs_.remove(job);
    });
    return job;
}

Task<void> Sweeper::run(std::shared_ptr<Job> job) {
    for (unsigned attempt = 1; job->owner; ++attempt) {
        const unsigned failed = co_await job->attempt(*job);
        if (failed == 0 || attempt == kAttempts || !job->owner) break;
        job->pause.expires_after(retry_delay(attempt));
        boost::system::error_code cut_short;
        co_await job->pause.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
    }
    if (job->owner) job->owner->jobs_.remove(job);
}

void Sweeper::end_untracked(UntrackedOrder order, std::function<void(const TerminationReport&)> on_report) {
    start("untracked sockets",
          [&plane = plane_, order = std::move(order), on_report](const Job& job) -> Task<unsigned> {
              const TerminationReport report = co_await plane.end_untracked(order);
              if (job.owner) on_report(report);
              co_return report.failed;
          });
}

void Sweeper::enforce_policies(std::function<void(const PolicyReports&)> on_report) {
    if (enforcement_) {  // it ends after the attempt that is under way, unheard
        enforcement_->owner = nullptr;
        enforcement_->pause.cancel();
        jobs_.remove(enforcement_);
    }
    enforcement_ = start("policies", [&plane = plane_, on_report](const Job& job) -> Task<unsigned> {
        const PolicyReports reports = co_await plane.enforce_policies();
        if (job.owner) on_report(reports);
        unsigned failed = 0;
        for (const auto& [policy, report] : reports) failed += report.failed;
        co_return failed;
    });
}

}  // namespace reseat::lb
