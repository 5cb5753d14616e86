// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/client.hpp"
#include "proxy/admin/url.hpp"
#include "proxy/commands/commands.hpp"
#include "proxy/sockets_text.hpp"
#include "proxy/terminal.hpp"

#include <boost/json.hpp>

#include <cstdio>

namespace reseat::proxy {

lb::Result<boost::json::object> list_sockets(const std::string& socket, const Options& options) {
    std::string target = "/sockets";
    if (!options.service.empty()) target += "?service=" + percent_encoded(options.service);
    if (!options.backend.empty()) target += "&backend=" + percent_encoded(options.backend);
    const auto reply = admin_get(socket, target);
    if (!reply) return reply.error();
    if (reply->status != 200) return error_of(*reply, socket);
    return boost::json::parse(reply->body).as_object();
}

void print_sockets(const boost::json::object& list, Output output) {
    if (output == Output::json)
        std::printf("%s\n", boost::json::serialize(list).c_str());
    else
        std::fputs(sockets_text(list.at("sockets").as_array(), terminal_width(), use_colours()).c_str(),
                   stdout);
}

int sockets_command(const Options& options) {
    const auto socket = find_admin_socket(options.admin, options.instance);
    if (!socket) return fail(socket.error());
    const auto list = list_sockets(*socket, options);
    if (!list) return fail(list.error());
    print_sockets(*list, options.output);
    return 0;
}

}  // namespace reseat::proxy
