// SPDX-License-Identifier: Apache-2.0
#include "proxy/demo/demo.hpp"

#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/terminal.hpp"
#include "proxy/sidecar/logging.hpp"
#include "proxy/sidecar/privileges.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace reseat::proxy {
namespace {

constexpr int kFailed = 1;

Task<void> until_interrupted(Sidecar& sidecar) {
    asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
    co_await signals.async_wait(asio::use_awaitable);
    sidecar.stop();
}

int present(const DemoReport& report, Output output) {
    if (report.clients.empty()) return fail({ErrorCode::failed, "the demo was interrupted"});
    if (output == Output::json)
        write_out(boost::json::serialize(report_json(report)) + "\n");
    else
        write_out(report_text(report, use_colours()));
    return succeeded(report) ? 0 : kFailed;
}

int play_demo(const Options& options) {
    auto cgroup = WorkloadCgroup::create("reseat-demo");
    if (!cgroup) return fail(cgroup.error());
    Demo demo(*cgroup);
    auto sidecar = Sidecar::start({.config = {.model = demo.model(), .file = "(demo)"},
                                   .instance = "demo",
                                   .workload = {.directory = cgroup->path(), .name = cgroup->path()},
                                   .admin_socket = {},
                                   .pin = {},
                                   .log_level = lb::LogLevel::error,
                                   .watch_config = false});
    if (!sidecar) return fail(sidecar.error());
    if (options.output == Output::table) {
        std::puts(
            "Two hosts, four kinds of clients, with and without reseat. The first host's machine vanishes:\n"
            "its link goes down; no FIN, no RST, no ICMP. Watching for 4 seconds...\n");
        write_out();
    }
    (*sidecar)->add("demo", demo.run(**sidecar));
    (*sidecar)->add("signals", until_interrupted(**sidecar));
    return (*sidecar)->serve() ? present(demo.report(), options.output) : kFailed;
}

int run(const Options& options) {
    set_up_logging(lb::LogLevel::error, lb::LogFormat::text);
    if (const auto may = require_capabilities(); !may) return fail(may.error());
    try {
        return play_demo(options);
    } catch (const std::system_error& error) {
        if (error.code().value() != EPERM) throw;
        return fail(
            {ErrorCode::unsupported, std::string("the demo creates network namespaces, which needs root "
                                                 "(CAP_SYS_ADMIN): ") +
                                         error.what()});
    }
}

}  // namespace

Command demo_command() {
    return {.name = "demo",
            .group = group::kBalance,
            .summary = "Show what happens when a backend's machine vanishes",
            .flags = [](Flags& f) { f.output(); },
            .help =
                "Needs no configuration. Creates two hosts as network namespaces and clients of four kinds, "
                "with\n"
                "and without reseat, and takes one host away. Needs root, takes less than 10 seconds, and "
                "leaves\n"
                "nothing behind. The exit status is 0 if clients with reseat recovered and those without "
                "hung.\n\n"
                "Example:\n  sudo reseat demo",
            .run = run};
}

}  // namespace reseat::proxy
