// SPDX-License-Identifier: Apache-2.0
#include "proxy/commands/commands.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace reseat::proxy {
namespace {

std::string counted(std::size_t count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

int validate_command(const Options& options) {
    const auto config = load_and_report(options.config, config::ExecChecks::doubtful);
    if (!config) return lb::exit_status(lb::ErrorCode::invalid_config);
    std::size_t backends = 0, names = 0;
    for (const auto& service : config->model.services) {
        backends += service.backends.size();
        names += service.named_backends.size();
    }
    std::string line =
        fmt::format("{}: {}, {}", options.config, counted(config->model.services.size(), "service"),
                    counted(backends, "backend"));
    if (names) line += " and " + counted(names, "DNS name");
    if (!config->warnings.empty()) line += "; " + counted(config->warnings.size(), "warning");
    std::printf("%s\n", line.c_str());
    return 0;
}

}  // namespace reseat::proxy
