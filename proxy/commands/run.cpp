// SPDX-License-Identifier: Apache-2.0
#include "proxy/commands/commands.hpp"
#include "proxy/logging.hpp"
#include "proxy/privileges.hpp"
#include "proxy/sidecar.hpp"
#include "proxy/terminal.hpp"
#include "proxy/workload.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include <csignal>

namespace reseat::proxy {
namespace {

lb::Result<std::string> workload(const Options& options, const std::optional<std::string>& configured) {
    if (!options.cgroup.empty()) return find_cgroup(options.cgroup);
    if (options.pid != 0) return find_cgroup_of(options.pid);
    if (configured) return find_cgroup(*configured);
    return lb::Error{lb::ErrorCode::usage,
                     "no workload: give --cgroup PATH or --pid PID, or workload.cgroup in the configuration"};
}

lb::Task<void> until_told_to_stop(Sidecar& sidecar) {
    lb::asio::signal_set signals(co_await lb::asio::this_coro::executor, SIGINT, SIGTERM, SIGHUP);
    while (true) {
        const int number = co_await signals.async_wait(lb::asio::use_awaitable);
        if (number != SIGHUP) break;
        spdlog::warn("SIGHUP: this version cannot reload its configuration; restart it instead");
    }
    spdlog::info("told to stop: detaching");
    sidecar.stop();
}

}  // namespace

int run_command(const Options& options) {
    auto config = load_and_report(options.config);
    if (!config) return lb::exit_status(lb::ErrorCode::invalid_config);
    set_up_logging(config->model.log_level, config->model.log_format);
    const auto cgroup = workload(options, config->model.cgroup);
    if (!cgroup) return fail(cgroup.error());
    if (const auto may = require_capabilities(); !may) return fail(may.error());
    if (is_root_cgroup(*cgroup))
        spdlog::warn("{} is the root cgroup: all of this machine is balanced", *cgroup);
    std::signal(SIGPIPE, SIG_IGN);  // losing the log must not end the balancing

    const std::string instance = options.instance.empty() ? "default" : options.instance;
    const std::string admin = admin_socket(options, config->model.admin_socket, instance);
    auto sidecar = Sidecar::start({std::move(*config), instance, *cgroup, admin});
    if (!sidecar) return fail(sidecar.error());
    (*sidecar)->add("signals", until_told_to_stop(**sidecar));
    spdlog::info("balancing {}, admin socket {}", *cgroup, admin);
    return (*sidecar)->serve() ? 0 : 1;
}

}  // namespace reseat::proxy
