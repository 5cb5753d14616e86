// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/cli/watch.hpp"
#include "proxy/show/lists_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

int run(const Options& options) {
    return show(options, [&]() -> Result<std::string> {
        const auto socket = instance_socket(options);
        if (!socket) return socket.error();
        const std::string target = "/sockets" + query_for(options);
        if (options.output == Output::json) return get(*socket, target);
        const auto list = get_object(*socket, target);
        if (!list) return list.error();
        return sockets_text(list->at("sockets").as_array(), terminal_width(), use_colours());
    });
}

}  // namespace

Command sockets_command() {
    return {.name = "sockets",
            .group = group::kLook,
            .summary = "List the open balanced sockets",
            .flags =
                [](Flags& f) {
                    f.target("List only those of this service or backend", false);
                    f.instance();
                    f.watch();
                    f.output();
                },
            .help = "Example:\n  reseat sockets postgres/pg-1",
            .run = run};
}

}  // namespace reseat::proxy
