// SPDX-License-Identifier: Apache-2.0
#include "proxy/checks.hpp"

#include "proxy/keep_running.hpp"

#include <spdlog/spdlog.h>

#include <unordered_set>
#include <utility>

namespace reseat::proxy {

/// Belongs to its coroutine too, which outlives it by a turn of the executor.
struct Checks::Check {
    lb::CheckTarget target;  ///< with the health that is known by now
    OnResult on_result;      ///< empty: it is over
    lb::Spawned task;
    std::unique_ptr<lb::Checker> checker;

    lb::Task<void> run(lb::SocketPreparer prepare) {
        checker = std::make_unique<lb::Checker>(  // one run each
            target.check, target.endpoint, std::move(prepare),
            [this](const auto& status, const auto& event) { on_check(status, event); }, target.health);
        return checker->run();
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

Checks::Checks(lb::asio::any_io_executor executor, lb::SocketPreparer prepare, OnResult on_result)
    : executor_(std::move(executor)), prepare_(std::move(prepare)), on_result_(std::move(on_result)) {}

Checks::~Checks() {
    clear();
}

void Checks::follow(const std::vector<lb::CheckTarget>& targets) {
    std::unordered_set<lb::BackendId> wanted;
    for (const auto& target : targets) {
        if (target.check.type == lb::CheckType::none) continue;
        wanted.insert(target.id);
        const auto found = running_.find(target.id);
        if (found == running_.end()) {
            start(target);
        } else if (const auto& now = found->second->target;
                   now.check != target.check || now.endpoint != target.endpoint) {
            found->second->end();
            start(target);
        }
    }
    std::erase_if(running_, [&](const auto& entry) {
        if (wanted.contains(entry.first)) return false;
        entry.second->end();
        return true;
    });
}

void Checks::suspect(lb::BackendId backend) {
    const auto found = running_.find(backend);
    if (found != running_.end() && found->second->checker) found->second->checker->suspect();
}

void Checks::start(const lb::CheckTarget& target) {
    auto check = std::make_shared<Check>();
    check->target = target;
    check->on_result = on_result_;
    const std::string name = "check " + target.service + "/" + target.backend;
    auto task = keep_running(name, [check, prepare = prepare_] { return check->run(prepare); });
    check->task = lb::spawn(executor_, name, std::move(task),
                            [](const std::string& failure) { spdlog::error("{}", failure); });
    running_[target.id] = std::move(check);
}

void Checks::clear() {
    for (const auto& [id, check] : running_) check->end();
    running_.clear();
}

}  // namespace reseat::proxy
