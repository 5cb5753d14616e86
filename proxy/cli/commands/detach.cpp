// SPDX-License-Identifier: Apache-2.0
#include "bpf/kernel_data_plane.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/instance/socket.hpp"
#include "proxy/show/terminal.hpp"
#include "proxy/sidecar/pinning.hpp"
#include "proxy/sidecar/privileges.hpp"

#include <cstdio>

namespace reseat::proxy {
namespace {

int run(const Options& options) {
    const std::string instance = options.instance.empty() ? "default" : options.instance;
    const std::string directory = options.pin.empty() ? default_pin(instance) : options.pin;
    if (options.pin.empty() && is_listening(default_admin_socket(instance)))
        return fail({ErrorCode::failed,
                     "instance " + instance + " is running: stop it with SIGINT, which also detaches"});
    if (const auto may = require_capabilities(); !may) return fail(may.error());
    const auto removed = bpf::KernelDataPlane::remove_pinned(directory);
    if (!removed) return fail(removed.error());
    if (*removed)
        std::printf("removed what was pinned in %s: it no longer balances anything\n", directory.c_str());
    else
        std::printf("nothing was pinned in %s%s\n", directory.c_str(),
                    options.pin.empty() ? "; for `pin: DIR`, use reseat detach --pin DIR" : "");
    const bool instance_is_known = options.pin.empty() || !options.instance.empty();
    const std::string socket = default_admin_socket(instance);
    if (instance_is_known && remove_dead_socket(socket))
        std::printf("removed %s, where no process listens any more\n", socket.c_str());
    return 0;
}

}  // namespace

Command detach_command() {
    return {.name = "detach",
            .group = group::kChange,
            .summary = "Remove the pinned state and the socket of a killed instance",
            .flags =
                [](Flags& f) {
                    f.instance_name("Name of the killed instance (default: default)");
                    f.pin();
                },
            .help =
                "Open connections continue; new ones are no longer balanced. The command refuses to work "
                "while the\n"
                "instance runs. For state pinned elsewhere (pin: DIR), use --pin DIR.\n\n"
                "Example:\n  sudo reseat detach --instance default",
            .run = run};
}

}  // namespace reseat::proxy
