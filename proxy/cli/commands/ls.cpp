// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/cli/watch.hpp"
#include "proxy/show/status_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

/// What the table shows, of each service.
std::string as_json(const json::object& status) {
    json::array services;
    for (const auto& service : status.at("services").as_array()) {
        json::object one;
        for (const char* key : {"name", "protocol", "addresses", "eligible", "total", "open_sockets"})
            one[key] = service.at(key);
        services.emplace_back(std::move(one));
    }
    const json::object body{{"instance", status.at("instance")}, {"services", std::move(services)}};
    return json::serialize(body) + "\n";
}

int run(const Options& options) {
    return show(options, [&]() -> Result<std::string> {
        const auto status = get_object(options, "/status");
        if (!status) return status.error();
        if (options.output == Output::json) return as_json(*status);
        return services_text(read_status(*status), std::chrono::system_clock::now(), terminal_width(),
                             use_colours());
    });
}

}  // namespace

Command ls_command() {
    return {.name = "ls",
            .group = group::kLook,
            .summary = "List the services",
            .flags =
                [](Flags& f) {
                    f.instance();
                    f.watch();
                    f.output();
                },
            .help =
                "ELIGIBLE: backends that may get new connections. OPEN: open sockets of the workload.\n\n"
                "Example:\n  reseat ls",
            .run = run};
}

}  // namespace reseat::proxy
