// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/sidecar/sidecar.hpp"

#include <fmt/format.h>

/// What Sidecar reports to the service manager, and when.
namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLook = 5s;  ///< how old what systemctl status shows may be
constexpr auto kNoLimit = 24h;

std::string summary(const std::vector<lb::ServiceStatus>& services) {
    std::size_t eligible = 0, backends = 0, sockets = 0;
    for (const auto& service : services) {
        eligible += service.eligible;
        backends += service.backends.size();
        sockets += service.open_sockets;
    }
    return fmt::format("{}, {} of {} eligible, {}", counted(services.size(), "service"), eligible,
                       counted(backends, "backend"), counted(sockets, "open socket"));
}

}  // namespace

/// READY=1 once balancing works and each backend was checked; then a sign of life from this loop, and news.
Task<void> Sidecar::tell_manager() {
    const ServiceManager& manager = settings_.manager;
    while (!ready()) co_await first_round(kNoLimit);
    manager.tell("READY=1");
    manager_knows_ = true;
    const auto silence = manager.watchdog().value_or(2 * kLook);
    std::string told;
    while (true) {
        auto news = summary(controller_->status());
        manager.tell(news == told ? "WATCHDOG=1" : "WATCHDOG=1\nSTATUS=" + news);
        told = std::move(news);
        co_await sleep_for(std::min(silence / 2, kLook));
    }
}

/// The manager is notified of every reload; a refused file leaves reseat as ready as before.
Task<ReloadReport> Sidecar::reload_now() {
    if (manager_knows_) settings_.manager.tell_reloading();
    auto report = co_await reloader_.reload();
    if (manager_knows_) settings_.manager.tell("READY=1");
    co_return report;
}

}  // namespace reseat::proxy
