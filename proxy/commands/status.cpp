// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/client.hpp"
#include "proxy/commands/commands.hpp"
#include "proxy/status_text.hpp"
#include "proxy/terminal.hpp"

#include <boost/json.hpp>

#include <cstdio>

namespace reseat::proxy {

int status_command(const Options& options) {
    const auto socket = find_admin_socket(options.admin, options.instance);
    if (!socket) return fail(socket.error());
    const auto reply = admin_get(*socket, "/status");
    if (!reply) return fail(reply.error());
    if (reply->status != 200) return fail(error_of(*reply, *socket));
    if (options.output == Output::json) {
        std::fputs(reply->body.c_str(), stdout);
        return 0;
    }
    const auto status = boost::json::parse(reply->body).as_object();
    std::fputs(status_text(status, std::chrono::system_clock::now(), terminal_width(), use_colours()).c_str(),
               stdout);
    return 0;
}

}  // namespace reseat::proxy
