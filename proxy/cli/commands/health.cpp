// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/instance/client.hpp"
#include "proxy/show/terminal.hpp"

#include <cstdio>

namespace reseat::proxy {
namespace {

int run(const Options& options) {
    const auto socket = find_admin_socket(options.admin, options.instance);
    if (!socket) return fail(socket.error());
    const auto reply = admin_get(*socket, "/ready");
    if (!reply) return fail(reply.error());
    if (reply->status != 200)
        return fail({ErrorCode::failed, "the instance at " + *socket + " is not ready: " + reply->body});
    std::puts("ready");
    return 0;
}

}  // namespace

Command health_command() {
    return {.name = "health",
            .group = group::kLook,
            .summary = "Test whether an instance is ready",
            .flags = [](Flags& f) { f.instance(); },
            .help =
                "The exit status is 0 if it is: programs are attached and every backend has been checked "
                "once.\n\n"
                "Example:\n  reseat health --instance default",
            .run = run};
}

}  // namespace reseat::proxy
