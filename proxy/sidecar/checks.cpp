// SPDX-License-Identifier: Apache-2.0
#include "proxy/sidecar/checks.hpp"

#include "base/keep_running.hpp"
#include "base/semaphore.hpp"
#include "proxy/sidecar/descriptor_limit.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace reseat::proxy {
namespace {

constexpr std::size_t kAtOnce = 100;  ///< checks that begin together
constexpr Duration kPause = std::chrono::microseconds(100);
constexpr Duration kLongestSpread = std::chrono::milliseconds(750);
constexpr unsigned kCommandsAtOnce = 16;

}  // namespace

/// Belongs to its coroutine too, which outlives it by a turn of the executor.
struct Checks::Check {
    lb::CheckTarget target;  ///< with the health that is known by now
    OnResult on_result;      ///< empty: it is over
    Spawned task;
    std::unique_ptr<lb::Checker> checker;

    Task<void> run(const lb::ProbeMeans& means, const std::shared_ptr<lb::UrgentPace>& pace, Duration delay) {
        checker = std::make_unique<lb::Checker>(  // one run each
            target.check, target, means,
            [this](const auto& status, const auto& event) { on_check(status, event); }, target.health, pace);
        checker->set_mode(target.mode);
        return checker->run(delay);
    }

    void on_check(const lb::CheckStatus& status, const std::optional<lb::HealthEvent>& event) {
        if (event) target.health = {event->healthy ? lb::Health::up : lb::Health::down, event->outcome};
        if (on_result) on_result(target.id, status, event);
    }

    void end() {
        on_result = nullptr;
        task.cancel();
    }
};

Checks::Checks(asio::any_io_executor executor, lb::ProbeMeans means, OnResult on_result)
    : executor_(std::move(executor)), means_(std::move(means)), on_result_(std::move(on_result)) {
    means_.commands = std::make_shared<Semaphore>(kCommandsAtOnce);
    means_.probes = std::make_shared<Semaphore>(kProbesAtOnce);
    pace_ = std::make_shared<lb::UrgentPace>();
}

Checks::~Checks() {
    clear();
}

void Checks::follow(const std::vector<lb::CheckTarget>& targets) {
    std::unordered_set<lb::BackendId> wanted;
    std::vector<const lb::CheckTarget*> fresh;
    for (const auto& target : targets) {
        if (target.check.type == lb::CheckType::none) continue;
        wanted.insert(target.id);
        const auto found = running_.find(target.id);
        if (found == running_.end()) {
            fresh.push_back(&target);
        } else if (const auto& now = found->second->target;
                   now.check != target.check || static_cast<const lb::ProbeTarget&>(now) != target) {
            found->second->end();
            fresh.push_back(&target);
        }
    }
    std::erase_if(running_, [&](const auto& entry) {
        if (wanted.contains(entry.first)) return false;
        entry.second->end();
        return true;
    });
    warn_of_descriptors(wanted.size());
    const Duration spread = start_spread(fresh.size());
    for (std::size_t i = 0; i < fresh.size(); ++i) {
        const double share = i < kAtOnce ? 0 : double(i - kAtOnce) / double(fresh.size() - kAtOnce);
        start(*fresh[i], std::chrono::duration_cast<Duration>(spread * share));
    }
}

void Checks::warn_of_descriptors(std::size_t backends) {
    const std::size_t limit = descriptor_limit();
    const bool too_many = backends > checkable_backends(limit);
    if (too_many && !std::exchange(short_of_descriptors_, true))
        spdlog::warn(
            "{} backends are checked, but the limit of {} open descriptors allows only {}: raise it "
            "(ulimit -Hn, LimitNOFILE= of the unit), or some checks cannot be made",
            backends, limit, checkable_backends(limit));
    short_of_descriptors_ = too_many;
}

Duration Checks::start_spread(std::size_t count) {
    if (count <= kAtOnce) return Duration::zero();
    return std::min<Duration>(kPause * static_cast<long>(count - kAtOnce), kLongestSpread);
}

void Checks::suspect(lb::BackendId backend) {
    const auto found = running_.find(backend);
    if (found != running_.end() && found->second->checker) found->second->checker->suspect();
}

void Checks::set_mode(lb::BackendId backend, lb::CheckMode mode) {
    const auto found = running_.find(backend);
    if (found == running_.end()) return;
    found->second->target.mode = mode;
    if (found->second->checker) found->second->checker->set_mode(mode);
}

void Checks::start(const lb::CheckTarget& target, Duration delay) {
    auto check = std::make_shared<Check>();
    check->target = target;
    check->on_result = on_result_;
    const std::string name = "check " + target.service + "/" + target.backend;
    auto task = keep_running(
        name, [check, means = means_, pace = pace_, delay] { return check->run(means, pace, delay); });
    check->task = spawn(executor_, name, std::move(task),
                        [](const std::string& failure) { spdlog::error("{}", failure); });
    running_[target.id] = std::move(check);
}

void Checks::clear() {
    for (const auto& [id, check] : running_) check->end();
    running_.clear();
}

}  // namespace reseat::proxy
