// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/rbac.hpp"

#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/commands/config_file.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/terminal.hpp"

namespace reseat::proxy {
namespace {

int run(const Options& options) {
    const auto config = load_and_report(options.config, config::ExecChecks::allowed);
    if (!config) return exit_status(ErrorCode::invalid_config);
    const std::string text = lb::kubernetes::rbac(config->model.services);
    write_out(text.empty() ? "# nothing: no backend comes from Kubernetes\n" : text);
    return 0;
}

}  // namespace

Command rbac_command() {
    return {.name = "rbac",
            .group = group::kTry,
            .summary = "Print the Kubernetes Role and RoleBinding that a configuration needs",
            .flags = [](Flags& f) { f.config_argument(); },
            .help = "Example:\n  reseat rbac reseat.yaml | kubectl apply -f -",
            .run = run};
}

}  // namespace reseat::proxy
