// SPDX-License-Identifier: Apache-2.0
#include "proxy/commands/asking.hpp"
#include "proxy/commands/command.hpp"
#include "proxy/flags.hpp"
#include "proxy/status_text.hpp"
#include "proxy/terminal.hpp"
#include "proxy/watch.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

int carry_out(const Options& options) {
    return show(options, [&]() -> lb::Result<std::string> {
        const auto socket = instance_socket(options);
        if (!socket) return socket.error();
        if (options.output == Output::json) return get(*socket, "/status");
        const auto status = get_object(*socket, "/status");
        if (!status) return status.error();
        return status_text(read_status(*status), std::chrono::system_clock::now(), terminal_width(),
                           use_colours());
    });
}

}  // namespace

Command status_command() {
    return {.name = "status",
            .group = group::kLook,
            .summary = "All about the services and backends of an instance",
            .flags =
                [](Flags& f) {
                    f.instance();
                    f.watch();
                    f.output();
                },
            .help =
                "WAITING: sockets that were to be ended and are spared, as there is no other backend to go "
                "to. STUCK:\n"
                "sockets that could not be ended; `reseat events` says why.\n\n"
                "Example:\n  reseat status -w\n  reseat status -o json | jq '.services[].eligible'",
            .carry_out = carry_out};
}

}  // namespace reseat::proxy
