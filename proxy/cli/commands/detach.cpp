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
    if (options.pin.empty() && somebody_listens(default_admin_socket(instance)))
        return fail(
            {ErrorCode::failed, "instance " + instance + " is running: end it with SIGINT, which detaches"});
    if (const auto may = require_capabilities(); !may) return fail(may.error());
    const auto removed = bpf::KernelDataPlane::remove_pinned(directory);
    if (!removed) return fail(removed.error());
    if (*removed)
        std::printf("removed what was pinned in %s: nothing is balanced by it any more\n", directory.c_str());
    else
        std::printf("nothing was pinned in %s%s\n", directory.c_str(),
                    options.pin.empty() ? "; what was pinned elsewhere, as `pin: DIR` says, goes with "
                                          "reseat detach --pin DIR"
                                        : "");
    const bool instance_is_known = options.pin.empty() || !options.instance.empty();
    const std::string socket = default_admin_socket(instance);
    if (instance_is_known && remove_dead_socket(socket))
        std::printf("removed %s, where nobody listens any more\n", socket.c_str());
    return 0;
}

}  // namespace

Command detach_command() {
    return {
        .name = "detach",
        .group = group::kChange,
        .summary = "Remove what a killed instance left pinned, and its socket",
        .flags =
            [](Flags& f) {
                f.instance_name("Instance that was killed (default: default)");
                f.pin();
            },
        .help =
            "Connections that are open stay as they are; new ones are not balanced any more. Refused "
            "while the\n"
            "instance lives. What it pinned in a directory of its own (pin: DIR) is found by --pin DIR.\n\n"
            "Example:\n  sudo reseat detach --instance default",
        .run = run};
}

}  // namespace reseat::proxy
