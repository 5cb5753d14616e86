// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/client.hpp"
#include "proxy/commands/commands.hpp"
#include "proxy/terminal.hpp"

#include <cstdio>

namespace reseat::proxy {

int health_command(const Options& options) {
    const auto socket = find_admin_socket(options.admin, options.instance);
    if (!socket) return fail(socket.error());
    const auto reply = admin_get(*socket, "/ready");
    if (!reply) return fail(reply.error());
    if (reply->status != 200)
        return fail({lb::ErrorCode::failed, "the instance at " + *socket + " is not ready: " + reply->body});
    std::puts("ready");
    return 0;
}

}  // namespace reseat::proxy
