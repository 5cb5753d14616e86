// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/cli/watch.hpp"
#include "proxy/show/status_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

/// `status` with the services of this name alone.
std::string narrowed(json::object status, const std::string& service) {
    auto& services = status.at("services").as_array();
    const auto others = std::remove_if(services.begin(), services.end(), [&](const json::value& one) {
        return one.at("name") != service.c_str();
    });
    services.erase(others, services.end());
    return json::serialize(status) + "\n";
}

int run(const Options& options) {
    return show(options, [&]() -> Result<std::string> {
        const auto socket = instance_socket(options);
        if (!socket) return socket.error();
        if (options.output == Output::json && options.service.empty()) return get(*socket, "/status");
        auto status = get_object(*socket, "/status");
        if (!status) return status.error();
        auto view = read_status(*status);
        auto services = services_called(view, options.service);
        if (!services) return services.error();
        if (options.output == Output::json) return narrowed(std::move(*status), options.service);
        view.services = std::move(*services);
        return status_text(view, std::chrono::system_clock::now(), terminal_width(), use_colours());
    });
}

}  // namespace

Command status_command() {
    return {.name = "status",
            .group = group::kLook,
            .summary = "Show the state of all services and backends",
            .flags =
                [](Flags& f) {
                    f.service("Show only this service", false);
                    f.instance();
                    f.watch();
                    f.output();
                },
            .help =
                "WAITING: sockets that are not terminated because no other backend is eligible. STUCK: "
                "sockets that\n"
                "could not be terminated; `reseat events` shows why.\n\n"
                "Example:\n  reseat status -w\n  reseat status postgres\n  reseat status -o json | jq "
                "'.services[].eligible'",
            .run = run};
}

}  // namespace reseat::proxy
