// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/client.hpp"
#include "proxy/admin/url.hpp"
#include "proxy/commands/commands.hpp"
#include "proxy/terminal.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace reseat::proxy {

int weight_command(const Options& options) {
    if (options.backend.empty())
        return fail({lb::ErrorCode::usage,
                     fmt::format("'{}' names no backend; write SERVICE/BACKEND", options.service)});
    const auto socket = find_admin_socket(options.admin, options.instance);
    if (!socket) return fail(socket.error());
    const auto reply = admin_post(
        *socket, fmt::format("/services/{}/backends/{}/weight?weight={}", percent_encoded(options.service),
                             percent_encoded(options.backend), options.weight));
    if (!reply) return fail(reply.error());
    if (reply->status != 200) return fail(error_of(*reply, *socket));
    if (options.output == Output::json)
        std::fputs(reply->body.c_str(), stdout);
    else
        fmt::print("{}/{}: weight {}\n", options.service, options.backend, options.weight);
    return 0;
}

}  // namespace reseat::proxy
