// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/terminal.hpp"

#include <fmt/format.h>

namespace reseat::proxy {
namespace {

int run(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return fail(socket.error());
    const auto reply = post(*socket, fmt::format("{}?weight={}", path_to(options, "weight"), options.weight));
    if (!reply) return fail(reply.error());
    if (options.output == Output::json)
        write_out(*reply);
    else
        fmt::print("{}: weight {}\n", subject(options), options.weight);
    return 0;
}

}  // namespace

Command weight_command() {
    return {.name = "weight",
            .group = group::kChange,
            .summary = "Set the weight of a backend",
            .flags =
                [](Flags& f) {
                    f.backend("Name of the backend");
                    f.weight();
                    f.instance();
                    f.output();
                },
            .help =
                "The weight applies until a reload changes the configured weight. A backend of weight 0 gets "
                "no new\n"
                "connections; its open ones stay.\n\n"
                "Example:\n  reseat weight postgres/pg-1 5",
            .run = run};
}

}  // namespace reseat::proxy
