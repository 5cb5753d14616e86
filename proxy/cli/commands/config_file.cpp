// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/config_file.hpp"

#include "proxy/instance/socket.hpp"

#include <spdlog/spdlog.h>

#include <cstdio>

namespace reseat::proxy {
namespace {

void report(const std::vector<config::Diagnostic>& diagnostics) {
    for (const auto& diagnostic : diagnostics)
        std::fprintf(stderr, "%s\n", config::to_string(diagnostic).c_str());
}

}  // namespace

std::optional<config::Loaded> load_and_report(const std::string& path, config::ExecChecks exec) {
    auto outcome = config::load_file(path, exec);
    report(outcome ? outcome.loaded->warnings : outcome.faults);
    return std::move(outcome.loaded);
}

config::ExecChecks exec_checks(const Options& options) {
    return options.allow_exec ? config::ExecChecks::allowed : config::ExecChecks::refused;
}

std::string admin_socket(const Options& options, const std::string& configured, const std::string& instance) {
    const bool is_told = !options.admin.empty() || !options.instance.empty();
    if (!is_told && !configured.empty()) return configured;
    const std::string socket = options.admin.empty() ? default_admin_socket(instance) : options.admin;
    if (!configured.empty() && configured != socket)
        spdlog::warn("the admin socket is {} (set by {}): admin.socket of the configuration ({}) is ignored",
                     socket, options.admin.empty() ? "--instance" : "--admin", configured);
    return socket;
}

}  // namespace reseat::proxy
