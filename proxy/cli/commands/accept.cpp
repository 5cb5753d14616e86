// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "base/url.hpp"
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace reseat::proxy {
namespace {

int run(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return fail(socket.error());
    const auto reply = post(*socket, "/services/" + percent_encoded(options.service) + "/accept");
    if (!reply) return fail(reply.error());
    if (options.output == Output::json) {
        write_out(*reply);
        return 0;
    }
    const auto count = boost::json::parse(*reply).at("accepted").to_number<std::uint64_t>();
    write_out(count == 0 ? fmt::format("{}: no endpoint is held\n", options.service)
                         : fmt::format("{}: {} let go\n", options.service, counted(count, "endpoint")));
    return 0;
}

}  // namespace

Command accept_command() {
    return {.name = "accept",
            .group = group::kChange,
            .summary = "Let go the endpoints that are held because their source lost too many at once",
            .flags =
                [](Flags& f) {
                    f.service("Name of the service", true);
                    f.instance();
                    f.output();
                },
            .help =
                "What a source removes without announcement, among many, is held for a while (guard).\n\n"
                "Example:\n  reseat accept web",
            .run = run};
}

}  // namespace reseat::proxy
