// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/commands/config_file.hpp"
#include "proxy/cli/flags.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace reseat::proxy {
namespace {

int run(const Options& options) {
    const auto config = load_and_report(options.config, config::ExecChecks::doubtful);
    if (!config) return exit_status(ErrorCode::invalid_config);
    std::size_t services = 0, backends = 0, names = 0;
    for (const auto& service : config->model.services) {
        if (service.is_half && service.protocol == Protocol::udp) continue;  // as it is written: once
        ++services;
        backends += service.backends.size();
        names += service.named_backends.size();
    }
    std::string line =
        fmt::format("{}: {}, {}", options.config, counted(services, "service"), counted(backends, "backend"));
    if (names) line += " and " + counted(names, "DNS name");
    if (!config->warnings.empty()) line += "; " + counted(config->warnings.size(), "warning");
    std::printf("%s\n", line.c_str());
    return 0;
}

}  // namespace

Command validate_command() {
    return {.name = "validate",
            .group = group::kTry,
            .summary = "Check a configuration file; needs no privileges",
            .flags = [](Flags& f) { f.config_argument(); },
            .help = "Exit status: 0 valid, 3 invalid.\n\nExample:\n  reseat validate reseat.yaml",
            .run = run};
}

}  // namespace reseat::proxy
