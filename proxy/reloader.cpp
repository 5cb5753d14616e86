// SPDX-License-Identifier: Apache-2.0
#include "proxy/reloader.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace reseat::proxy {
namespace {

namespace asio = lb::asio;

constexpr std::size_t kLoggedLines = 20;  ///< the command prints all of them

lb::Task<config::LoadOutcome> load_now(std::string file, config::ExecChecks exec) {
    co_return config::load_file(file, exec);
}

void log_lines(spdlog::level::level_enum level, const std::vector<std::string>& lines) {
    for (std::size_t i = 0; i < lines.size() && i < kLoggedLines; ++i) spdlog::log(level, "{}", lines[i]);
    if (lines.size() > kLoggedLines) spdlog::log(level, "... and {} more", lines.size() - kLoggedLines);
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

Reloader::Reloader(config::Loaded running, config::ExecChecks exec, Apply apply, Prepare prepare)
    : started_with_(running.model),
      running_(std::move(running)),
      exec_(exec),
      apply_(std::move(apply)),
      prepare_(std::move(prepare)),
      known_(running_.sha256),
      loaded_at_(std::chrono::system_clock::now()),
      last_{.ok = true, .valid = true, .lines = {}, .warnings = {}, .at = loaded_at_} {}

/// As KernelDataPlane's run_on(): a cancellation must not be handed to another thread (Boost 1.81).
lb::Task<config::LoadOutcome> Reloader::read() {
    co_return co_await asio::co_spawn(
        disk_, load_now(file(), exec_),
        asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
}

lb::Task<config::LoadOutcome> Reloader::load() {
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
            fmt::format("{}: changed in {}, but only a restart of reseat puts {} in force",
                        fmt::join(names, ", "), loaded.file, names.size() == 1 ? "it" : "them"));
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
    if (last_.ok) {
        loaded_at_ = last_.at;
        // Each change is told by whoever carries it out.
        spdlog::info("reloaded {}: {}", file(),
                     last_.lines.empty()       ? "nothing changed"
                     : last_.lines.size() == 1 ? "1 change"
                                               : fmt::format("{} changes", last_.lines.size()));
    } else {
        spdlog::error("{} was not reloaded, the running configuration stays:", file());
        log_lines(spdlog::level::err, last_.lines);
    }
    log_lines(spdlog::level::warn, last_.warnings);
    return last_;
}

lb::Task<ReloadReport> Reloader::reload() {
    co_return take(co_await load());
}

}  // namespace reseat::proxy
