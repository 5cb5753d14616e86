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

/// Of one service, or of all.
std::string as_json(const json::object& status, const std::string& service) {
    json::array backends;
    for (const auto& one : status.at("services").as_array()) {
        if (!service.empty() && one.at("name") != service.c_str()) continue;
        for (const auto& backend : one.at("backends").as_array()) {
            json::object row{{"service", one.at("name")}, {"protocol", one.at("protocol")}};
            for (const auto& [key, value] : backend.as_object()) row[key] = value;
            backends.emplace_back(std::move(row));
        }
    }
    return json::serialize(json::object{{"backends", std::move(backends)}}) + "\n";
}

Result<std::string> backends(const Options& options) {
    const auto status = get_object(options, "/status");
    if (!status) return status.error();
    const auto services = services_called(read_status(*status), options.service);
    if (!services) return services.error();
    if (options.output == Output::json) return as_json(*status, options.service);
    return backends_text(*services, std::chrono::system_clock::now(), terminal_width(), use_colours());
}

int run(const Options& options) {
    return show(options, [&] { return backends(options); });
}

}  // namespace

Command backends_command() {
    return {.name = "backends",
            .group = group::kLook,
            .summary = "List the backends and why any is not in use",
            .flags =
                [](Flags& f) {
                    f.service("List only those of this service", false);
                    f.instance();
                    f.watch();
                    f.output();
                },
            .help =
                "SHARE: its share of the new connections of its address family; - means none.\n\n"
                "Example:\n  reseat backends postgres",
            .run = run};
}

}  // namespace reseat::proxy
