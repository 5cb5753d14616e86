// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/commands/config_file.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/terminal.hpp"
#include "proxy/sidecar/descriptor_limit.hpp"
#include "proxy/sidecar/logging.hpp"
#include "proxy/sidecar/pinning.hpp"
#include "proxy/sidecar/privileges.hpp"
#include "proxy/sidecar/sidecar.hpp"
#include "proxy/sidecar/signal_source.hpp"
#include "proxy/workload/cgroup_mount.hpp"
#include "proxy/workload/workload.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>

namespace reseat::proxy {
namespace {

Result<Workload> workload_of(const Options& options, const std::optional<std::string>& configured) {
    if (!options.cgroup.empty()) return find_workload(options.cgroup);
    if (options.pid != 0) return find_workload_of(options.pid);
    if (configured) return find_workload(*configured);
    return Error{ErrorCode::usage,
                 "no workload: set --cgroup PATH or --pid PID, or workload.cgroup in the configuration"};
}

/// SIGTERM is what a restart or an upgrade sends; a user who types Ctrl-C wants it gone.
Sidecar::Afterwards afterwards(int number, lb::OnExit on_exit, bool pinned) {
    const bool keep = on_exit == lb::OnExit::keep || (on_exit == lb::OnExit::auto_ && pinned);
    return number == SIGTERM && keep ? Sidecar::Afterwards::as_pinned : Sidecar::Afterwards::detached;
}

Task<void> until_told_to_stop(Sidecar& sidecar, SignalSource& signals, lb::OnExit on_exit) {
    while (true) {
        const auto received = co_await signals.next(sidecar.executor());
        if (received.number == SIGHUP) {
            sidecar.reload();
            continue;
        }
        const auto how = afterwards(received.number, on_exit, sidecar.pinned());
        const bool detaches = how == Sidecar::Afterwards::detached;
        sidecar.tell(
            {.type = lb::Event::Type::stopping,
             .message = std::string("stopping: ") +
                        (detaches ? "detaching"
                                  : "pinned programs keep balancing; remove them with reseat detach")});
        sidecar.stop(how);
        co_return;
    }
}

/// What sources of backends are read from, again and again.
std::vector<std::string> source_files(const lb::Model& model) {
    const lb::KubernetesAccess& access = model.sources.kubernetes;
    std::vector<std::string> files = {access.token_file, access.ca_file, access.cert_file, access.key_file};
    for (const auto& service : model.services)
        for (const auto& entry : service.sourced_backends)
            for (const auto* file : {&entry.ref.path, &entry.ref.token_file, &entry.ref.ca_file,
                                     &entry.ref.cert_file, &entry.ref.key_file})
                files.push_back(*file);
    std::erase(files, "");
    return files;
}

/// Of the default instance /run/reseat/default/endpoints.json.
std::string state_file_beside(const std::string& admin) {
    if (admin.empty()) return "";
    constexpr std::string_view usual = "/admin.sock";
    return admin.ends_with(usual) ? admin.substr(0, admin.size() - usual.size()) + "/endpoints.json"
                                  : admin + ".endpoints.json";
}

int run(const Options& options) {
    auto config = load_and_report(options.config, exec_checks(options));
    if (!config) return exit_status(ErrorCode::invalid_config);
    set_up_logging(options.log_level.value_or(config->model.log_level), config->model.log_format);
    auto workload = workload_of(options, config->model.cgroup);
    if (!workload) return fail(workload.error());
    if (const auto may = require_capabilities(); !may) return fail(may.error());
    if (is_root_cgroup(workload->directory))
        spdlog::warn("{} is the root cgroup: every process of this machine is balanced", workload->name);
    raise_descriptor_limit();
    SignalSource signals({SIGINT, SIGTERM, SIGHUP});
    std::signal(SIGPIPE, SIG_IGN);  // losing the log must not end the balancing

    const std::string instance = options.instance.empty() ? "default" : options.instance;
    const std::string admin = admin_socket(options, config->model.admin_socket, instance);
    // Before there are other threads: each has its own set.
    auto files = config->tls_files;
    files.push_back(options.config);
    for (auto& file : source_files(config->model)) files.push_back(std::move(file));
    const auto kept = drop_privileges(
        {.exec_checks = exec_checks(options), .files = std::move(files), .admin_socket = admin});
    if (!kept) return fail(kept.error());
    const auto pin = choose_pin(config->model, instance);
    if (!pin) return fail(pin.error());
    const auto on_exit = config->model.on_exit;
    const std::string name = workload->name;
    auto sidecar = Sidecar::start({.config = std::move(*config),
                                   .instance = instance,
                                   .workload = std::move(*workload),
                                   .admin_socket = admin,
                                   .pin = pin->directory,
                                   .log_level = options.log_level,
                                   .exec_checks = exec_checks(options),
                                   .state_file = state_file_beside(admin),
                                   .only_engine = options.engine,
                                   .manager = ServiceManager::from_environment()});
    if (!sidecar) return fail(sidecar.error());
    (*sidecar)->add("signals", until_told_to_stop(**sidecar, signals, on_exit));
    using Level = lb::Event::Level;
    (*sidecar)->tell({.type = lb::Event::Type::started,
                      .message = fmt::format("balancing {}, admin socket {}", name, admin)});
    (*sidecar)->tell({.type = pin->surprising ? lb::Event::Type::warning : lb::Event::Type::started,
                      .level = pin->surprising ? Level::warn : Level::info,
                      .message = pin->reason});
    spdlog::info("capabilities kept: {}", names_of(*kept));
    const bool well = (*sidecar)->serve();
    (*sidecar).reset();
    // Told twice: the second time must not cut the cleaning up short, nor change the exit status.
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
    return well ? 0 : 1;
}

}  // namespace

Command run_command() {
    return {
        .name = "run",
        .group = group::kBalance,
        .summary = "Balance a workload's connections until SIGTERM",
        .flags =
            [](Flags& f) {
                f.config();
                f.workload();
                f.new_instance("default");
                f.allow_exec();
                f.log_level();
                f.engine();
            },
        .help =
            "SIGHUP reloads the configuration, as does a change of its file. SIGTERM stops reseat: pinned\n"
            "programs keep balancing unless on_exit is detach. SIGINT (Ctrl-C) stops and detaches.\n\n"
            "Example:\n  reseat run --config reseat.yaml --cgroup system.slice/app.service",
        .run = run};
}

}  // namespace reseat::proxy
