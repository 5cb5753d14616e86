// SPDX-License-Identifier: Apache-2.0
#include "lb/control/run/order_runner.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace reseat::lb {

/// Shared with its coroutine, which may outlive the runner: a data plane may finish an order that was
/// cancelled. `runner` is null from then on.
struct OrderRunner::Job {
    Job(OrderRunner& owner, const ReseatOrder& first)
        : runner(&owner), order(first), pause(owner.executor_) {}

    OrderRunner* runner;
    ReseatOrder order;
    bool again = false;      ///< `order` was given anew meanwhile
    bool withdrawn = false;  ///< not to be tried again
    unsigned failures = 0;
    unsigned stuck = 0;
    asio::steady_timer pause;
    Spawned task;
};

Duration retry_delay(unsigned failures) {
    using namespace std::chrono_literals;
    constexpr std::array<Duration, 4> delays = {100ms, 1s, 5s, 30s};
    return delays[std::clamp<std::size_t>(failures, 1, delays.size()) - 1];
}

OrderRunner::OrderRunner(asio::any_io_executor executor, DataPlane& plane, OnReport on_report)
    : executor_(std::move(executor)), plane_(plane), on_report_(std::move(on_report)) {}

OrderRunner::~OrderRunner() {
    for (auto& [life, job] : jobs_) {
        job->runner = nullptr;
        job->pause.cancel();
        // Cancelled from outside the executor, Asio would deliver the signal after the coroutine has gone.
        asio::post(executor_, [task = std::move(job->task)] {});
    }
}

void OrderRunner::issue(const ReseatOrder& order) {
    const auto found = jobs_.find(order.life);
    if (found == jobs_.end()) return start(order);
    Job& job = *found->second;
    job.order = order;
    job.again = true;
    job.withdrawn = false;
    job.pause.cancel();
}

void OrderRunner::withdraw(LifeId life) {
    const auto found = jobs_.find(life);
    if (found == jobs_.end()) return;
    found->second->again = false;
    found->second->withdrawn = true;
    found->second->pause.cancel();
}

void OrderRunner::start(const ReseatOrder& order) {
    auto job = std::make_shared<Job>(*this, order);
    jobs_[order.life] = job;
    job->task = spawn(executor_, "reseat life " + std::to_string(order.life), run(job),
                      [job](const std::string& failure) {
                          spdlog::error("{}", failure);
                          if (job->runner) job->runner->jobs_.erase(job->order.life);
                      });
}

bool OrderRunner::is_busy(LifeId life) const {
    return jobs_.contains(life);
}

unsigned OrderRunner::stuck(LifeId life) const {
    const auto found = jobs_.find(life);
    return found == jobs_.end() ? 0 : found->second->stuck;
}

namespace {

/// As DataPlane::reseat; what it throws counts as one socket that failed.
Task<TerminationReport> attempt(DataPlane& plane, ReseatOrder order) {
    TerminationReport report;
    try {
        report = co_await plane.reseat(order);
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted) throw;
        report.failed = 1;
        report.first_failure = error.what();
    } catch (const std::exception& error) {
        report.failed = 1;
        report.first_failure = error.what();
    }
    co_return report;
}

}  // namespace

Task<void> OrderRunner::run(std::shared_ptr<Job> job) {
    while (job->runner) {
        const ReseatOrder order = job->order;
        job->again = false;
        const TerminationReport report = co_await attempt(job->runner->plane_, order);
        if (!job->runner) co_return;
        const bool is_final = order.quiet_for == Duration::zero();  // else the next look comes by itself
        job->stuck = is_final ? report.failed : 0;
        job->failures = job->stuck ? job->failures + 1 : 0;
        const OnReport on_report = job->runner->on_report_;
        on_report(order, report);
        if (!job->runner) co_return;
        if (job->again) continue;
        if (!job->stuck || job->withdrawn) break;
        job->pause.expires_after(retry_delay(job->failures));
        boost::system::error_code cut_short;
        co_await job->pause.async_wait(asio::redirect_error(asio::use_awaitable, cut_short));
        if (!job->runner || job->withdrawn) break;
        if (!job->again && job->runner->plane_.is_idle(order.life)) break;
    }
    if (job->runner) job->runner->jobs_.erase(job->order.life);
}

}  // namespace reseat::lb
