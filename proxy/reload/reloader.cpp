// SPDX-License-Identifier: Apache-2.0
#include "proxy/reload/reloader.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace reseat::proxy {
namespace {

constexpr std::size_t kToldLines = 20;  ///< the command prints all of them

Task<config::LoadOutcome> load_now(std::string file, config::ExecChecks exec) {
    co_return config::load_file(file, exec);
}

/// As many as an event lists.
std::vector<std::string> first_of(std::vector<std::string> lines) {
    if (lines.size() <= kToldLines) return lines;
    const std::size_t more = lines.size() - kToldLines;
    lines.resize(kToldLines);
    lines.push_back(fmt::format("... and {} more", more));
    return lines;
}

}  // namespace

std::string ReloadReport::summary() const {
    if (ok || lines.empty()) return "";
    if (lines.size() == 1) return lines.front();
    return fmt::format("{} (and {} more)", lines.front(), lines.size() - 1);
}

std::vector<std::string> needing_restart(const lb::Model& running, const lb::Model& wanted) {
    std::vector<std::string> names;
    if (running.cgroup != wanted.cgroup) names.emplace_back("workload.cgroup");
    if (running.exit_when_idle != wanted.exit_when_idle) names.emplace_back("workload.exit_when_idle");
    if (running.admin_socket != wanted.admin_socket) names.emplace_back("admin.socket");
    if (running.pin != wanted.pin) names.emplace_back("pin");
    if (running.on_exit != wanted.on_exit) names.emplace_back("on_exit");
    if (running.mptcp != wanted.mptcp) names.emplace_back("mptcp");
    return names;
}

Reloader::Reloader(config::Loaded running, config::ExecChecks exec, Apply apply, Prepare prepare,
                   lb::EventSink tell)
    : started_with_(running.model),
      running_(std::move(running)),
      exec_(exec),
      apply_(std::move(apply)),
      prepare_(std::move(prepare)),
      tell_(std::move(tell)),
      known_(running_.sha256),
      loaded_at_(std::chrono::system_clock::now()),
      last_{.ok = true, .valid = true, .lines = {}, .warnings = {}, .at = loaded_at_} {}

/// As KernelDataPlane's run_on(): a cancellation must not be handed to another thread (Boost 1.81).
Task<config::LoadOutcome> Reloader::read() {
    co_return co_await asio::co_spawn(
        disk_, load_now(file(), exec_),
        asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

Task<config::LoadOutcome> Reloader::load() {
    auto outcome = co_await read();
    if (!outcome || !prepare_ || !co_await prepare_(outcome.loaded->model)) co_return outcome;
    co_return co_await read();  // another load may have been faster meanwhile: the last content wins
}

std::string Reloader::identity(const config::LoadOutcome& outcome) {
    if (outcome) return outcome.loaded->sha256;
    std::string all;
    for (const auto& fault : outcome.faults) all += config::to_string(fault) + "\n";
    return all;
}

ReloadReport Reloader::apply(config::Loaded loaded) {
    ReloadReport report{.valid = true};
    auto done = apply_(loaded.model);
    if (!done) {
        report.lines = {done.error().message};
        return report;
    }
    report.ok = true;
    report.lines = std::move(*done);
    for (const auto& warning : loaded.warnings) report.warnings.push_back(config::to_string(warning));
    if (const auto names = needing_restart(started_with_, loaded.model); !names.empty())
        report.warnings.push_back(
            fmt::format("{}: changed in {}, but {} effect only after a restart of reseat",
                        fmt::join(names, ", "), loaded.file, names.size() == 1 ? "takes" : "take"));
    running_ = std::move(loaded);
    return report;
}

const ReloadReport& Reloader::take(config::LoadOutcome outcome) {
    known_ = identity(outcome);
    if (outcome) {
        last_ = apply(std::move(*outcome.loaded));
    } else {
        last_ = {};
        for (const auto& fault : outcome.faults) last_.lines.push_back(config::to_string(fault));
    }
    last_.at = std::chrono::system_clock::now();
    ++(last_.ok ? ok_ : failed_);
    if (last_.ok) loaded_at_ = last_.at;
    tell_last();
    return last_;
}

void Reloader::tell_last() const {
    lb::Event event{.type = lb::Event::Type::reload};
    if (last_.ok) {
        event.message = fmt::format("reloaded {}: ", file());
        event.message += last_.lines.empty()       ? "nothing changed"
                         : last_.lines.size() == 1 ? last_.lines.front()
                                                   : fmt::format("{} changes", last_.lines.size());
    } else {
        event.type = lb::Event::Type::reload_failed;
        event.level = lb::Event::Level::error;
        event.message = fmt::format("{} was not reloaded, the running configuration stays in force: {}",
                                    file(), last_.summary());
    }
    if (last_.lines.size() > 1) event.details = first_of(last_.lines);
    tell_(event);
    for (const auto& warning : first_of(last_.warnings))
        tell_({.level = lb::Event::Level::warn, .message = warning});
}

Task<ReloadReport> Reloader::reload() {
    co_return take(co_await load());
}

}  // namespace reseat::proxy
