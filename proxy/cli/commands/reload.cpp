// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/terminal.hpp"

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
    if (!ok) std::fputs("reseat: not reloaded; the running configuration stays in force\n", stderr);
}

int run(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return fail(socket.error());
    const auto reply = post(*socket, "/reload");
    if (!reply) return fail(reply.error());
    const auto body = json::parse(*reply).as_object();
    const bool ok = body.at("ok").as_bool();
    if (options.output == Output::json)
        write_out(*reply);
    else
        print_text(body, ok);
    if (ok) return 0;
    return exit_status(body.at("valid").as_bool() ? ErrorCode::failed : ErrorCode::invalid_config);
}

}  // namespace

Command reload_command() {
    return {.name = "reload",
            .group = group::kChange,
            .summary = "Reload the configuration and print what changed",
            .flags =
                [](Flags& f) {
                    f.instance();
                    f.output();
                },
            .help =
                "An invalid file changes nothing. Exit status: 0 reloaded, 3 the file is invalid.\n\n"
                "Example:\n  reseat reload",
            .run = run};
}

}  // namespace reseat::proxy
