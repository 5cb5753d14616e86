// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/client.hpp"
#include "proxy/commands/commands.hpp"
#include "proxy/terminal.hpp"

#include <boost/json.hpp>

#include <cstdio>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

void print_lines(std::FILE* to, const json::value& lines) {
    for (const auto& line : lines.as_array()) std::fprintf(to, "%s\n", line.as_string().c_str());
}

void print_text(const json::object& body, bool ok) {
    if (ok && body.at("changes").as_array().empty()) std::puts("reloaded; nothing changed");
    print_lines(ok ? stdout : stderr, body.at(ok ? "changes" : "faults"));
    print_lines(stderr, body.at("warnings"));
    if (!ok) std::fputs("reseat: not reloaded; the running configuration stays\n", stderr);
}

}  // namespace

int reload_command(const Options& options) {
    const auto socket = find_admin_socket(options.admin, options.instance);
    if (!socket) return fail(socket.error());
    const auto reply = admin_post(*socket, "/reload");
    if (!reply) return fail(reply.error());
    if (reply->status != 200) return fail(error_of(*reply, *socket));
    const auto body = json::parse(reply->body).as_object();
    const bool ok = body.at("ok").as_bool();
    if (options.output == Output::json)
        std::fputs(reply->body.c_str(), stdout);
    else
        print_text(body, ok);
    if (ok) return 0;
    return lb::exit_status(body.at("valid").as_bool() ? lb::ErrorCode::failed
                                                      : lb::ErrorCode::invalid_config);
}

}  // namespace reseat::proxy
