// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/commands/config_file.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/instance/socket.hpp"
#include "proxy/show/terminal.hpp"
#include "proxy/sidecar/descriptor_limit.hpp"
#include "proxy/sidecar/logging.hpp"
#include "proxy/sidecar/privileges.hpp"
#include "proxy/sidecar/sidecar.hpp"
#include "proxy/sidecar/signal_source.hpp"
#include "proxy/workload/child_process.hpp"
#include "proxy/workload/workload_cgroup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>

#include <unistd.h>

namespace reseat::proxy {
namespace {

using namespace std::chrono_literals;

constexpr int kReseatFailed = 125;        // as env(1)
constexpr int kSignalled = 128;           // plus the signal, as shells do
constexpr auto kPatience = 2s;            // for what the command left running, see exec --help
constexpr auto kPatienceWithNames = 10s;  // some name servers that are silent, one after the other
constexpr auto kCheckSlack = 500ms;       // beyond the checks' own timeouts

/// The command's life: starts when the backends are known, gets reseat's signals, ends the sidecar.
class Execution {
public:
    Execution(const Options& options, const Inherited& inherited, WorkloadCgroup& cgroup, Sidecar& sidecar)
        : options_(options), inherited_(inherited), cgroup_(cgroup), sidecar_(sidecar) {}

    Task<void> run(Duration patience_with_checks) {
        co_await sidecar_.names_answered(kPatienceWithNames);
        co_await sidecar_.first_round(patience_with_checks);
        if (!sidecar_.ready())
            spdlog::warn("not every backend has been checked yet; starting the command anyway");
        if (const auto without = sidecar_.without_backends(); !without.empty())
            spdlog::warn(
                "no backend of {} is known yet, so connects to it are refused; starting the command anyway",
                fmt::join(without, ", "));
        if (!start()) co_return;
        exit_status_ = co_await child_->wait();
        co_await cgroup_.empty(kPatience);
        sidecar_.stop();
    }

    Task<void> forward(SignalSource& signals) {
        while (true) {
            const auto received = co_await signals.next(sidecar_.executor());
            if (child_ && !received.from_terminal) child_->signal(received.number);
            if (child_ || received.number == SIGWINCH) continue;
            exit_status_ = kSignalled + received.number;
            sidecar_.stop();
        }
    }

    int exit_status() const { return exit_status_; }

private:
    bool start() {
        auto started = ChildProcess::start(sidecar_.executor(), options_.child, cgroup_.procs(), inherited_);
        if (auto* child = std::get_if<std::unique_ptr<ChildProcess>>(&started)) {
            child_ = std::move(*child);
            return true;
        }
        const auto& failure = std::get<StartFailure>(started);
        fail({ErrorCode::failed, failure.message});
        exit_status_ = failure.exit_status;
        sidecar_.stop();
        return false;
    }

    const Options& options_;
    const Inherited& inherited_;
    WorkloadCgroup& cgroup_;
    Sidecar& sidecar_;
    std::unique_ptr<ChildProcess> child_;
    int exit_status_ = kReseatFailed;
};

Duration longest_check(const std::vector<lb::Service>& services) {
    Duration longest{};
    std::size_t backends = 0;
    for (const auto& service : services)
        if (service.health_check.type != lb::CheckType::none) {
            longest = std::max(longest, service.health_check.timeout);
            backends += service.backends.size();
        }
    return longest + Checks::start_spread(backends) + kCheckSlack;
}

int failed(const Error& error) {
    fail(error);
    return kReseatFailed;
}

int run(const Options& options) {
    const Inherited inherited = Inherited::current();
    auto config = load_and_report(options.config, exec_checks(options));
    if (!config) return kReseatFailed;
    set_up_logging(options.log_level.value_or(config->model.log_level), config->model.log_format);
    if (const auto may = require_capabilities(); !may) return failed(may.error());
    raise_descriptor_limit();
    SignalSource signals({SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT});
    std::signal(SIGPIPE, SIG_IGN);  // losing the log must not end the command

    remove_sockets_left_behind("exec-");
    auto cgroup = WorkloadCgroup::create("reseat-exec");
    if (!cgroup) return failed(cgroup.error());
    const std::string instance =
        options.instance.empty() ? "exec-" + std::to_string(::getpid()) : options.instance;
    const auto patience = longest_check(config->model.services);
    const std::string admin = admin_socket(options, config->model.admin_socket, instance);
    auto sidecar = Sidecar::start({.config = std::move(*config),
                                   .instance = instance,
                                   .workload = {.directory = cgroup->path(), .name = cgroup->path()},
                                   .admin_socket = admin,
                                   .admin_over_tcp = false,
                                   .pin = {},
                                   .log_level = options.log_level,
                                   .exec_checks = exec_checks(options),
                                   .only_engine = options.engine});
    if (!sidecar) return failed(sidecar.error());

    Execution execution(options, inherited, *cgroup, **sidecar);
    (*sidecar)->add("command", execution.run(patience));
    (*sidecar)->add("signals", execution.forward(signals));
    return (*sidecar)->serve() ? execution.exit_status() : kReseatFailed;
}

}  // namespace

Command exec_command() {
    return {.name = "exec",
            .group = group::kBalance,
            .summary = "Run a command behind the load balancer",
            .flags =
                [](Flags& f) {
                    f.config();
                    f.new_instance("exec-PID");
                    f.allow_exec();
                    f.log_level();
                    f.engine();
                    f.child();
                },
            .help =
                "CMD starts in a new cgroup once every backend has been checked. Signals are forwarded to "
                "it. When\n"
                "it exits, processes that it left running get SIGTERM and, 2 seconds later, SIGKILL.\n"
                "Exit status: that of CMD (128 + N if signal N killed it), 125 if reseat failed or its "
                "arguments are\n"
                "wrong, 126 if CMD cannot be run, 127 if CMD was not found.\n\n"
                "Example:\n  reseat exec --config reseat.yaml -- psql -h 10.96.0.10",
            .run = run};
}

}  // namespace reseat::proxy
