// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/task.hpp"
#include "config/config.hpp"
#include "lb/control/report/event.hpp"

#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace reseat::proxy {

/// What one attempt to reload came to. All or nothing: not ok means that nothing has changed.
struct ReloadReport {
    bool ok = false;
    bool valid = false;                 ///< the file was; if it is still not ok, the kernel refused
    std::vector<std::string> lines;     ///< what changed; not ok: why not, one fault each
    std::vector<std::string> warnings;  ///< of the file, and settings that only a restart changes
    std::chrono::system_clock::time_point at{};

    /// The first fault and how many more there are; empty when it is ok.
    std::string summary() const;
};

/// Names of the settings that differ and that a running process cannot change: "pin", "mptcp", ...
std::vector<std::string> needing_restart(const lb::Model& running, const lb::Model& wanted);

/// The configuration that is in force, and the way to another one.
class Reloader {
public:
    /// `apply` puts services, policies and logging of a model in force and says what changed, or changes
    /// nothing.
    using Apply = std::function<Result<std::vector<std::string>>(const lb::Model&)>;
    /// What has to be known before a model is put in force; false: nothing was waited for.
    using Prepare = std::function<Task<bool>(const lb::Model&)>;
    Reloader(config::Loaded running, config::ExecChecks exec, Apply apply, Prepare prepare = {},
             lb::EventSink tell = lb::log_event);

    const std::string& file() const { return running_.file; }

    /// Reads the file on a thread of its own and prepares for it. A load that ends later than another one has
    /// read no older content.
    Task<config::LoadOutcome> load();
    /// Puts it in force or keeps the running one; reports either.
    const ReloadReport& take(config::LoadOutcome outcome);
    /// load() and take().
    Task<ReloadReport> reload();

    /// Identifies one content of the file; of an unreadable or invalid one, its faults.
    static std::string identity(const config::LoadOutcome& outcome);
    /// identity() of what was taken last, applied or not.
    const std::string& known() const { return known_; }

    const config::Loaded& running() const { return running_; }
    std::chrono::system_clock::time_point loaded_at() const { return loaded_at_; }
    /// Of the last attempt; the start counts as one.
    const ReloadReport& last() const { return last_; }
    /// How many attempts ended so, without the start.
    std::uint64_t attempts(bool ok) const { return ok ? ok_ : failed_; }

private:
    Task<config::LoadOutcome> read();
    ReloadReport apply(config::Loaded loaded);
    void tell_last() const;

    const lb::Model started_with_;
    config::Loaded running_;
    const config::ExecChecks exec_;
    Apply apply_;
    Prepare prepare_;
    lb::EventSink tell_;
    std::string known_;
    std::chrono::system_clock::time_point loaded_at_;
    ReloadReport last_;
    std::uint64_t ok_ = 0, failed_ = 0;
    asio::thread_pool disk_{1};
};

}  // namespace reseat::proxy
