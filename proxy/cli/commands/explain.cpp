// SPDX-License-Identifier: Apache-2.0
#include "proxy/show/explain/explain.hpp"

#include "base/url.hpp"
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/cli/watch.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

/// The settings of a service, which come once for both halves of `protocol: any`.
json::object settings_of(const json::object& config, const ServiceView& service) {
    const auto* services = config.if_contains("services");
    if (services == nullptr || !services->is_array()) return {};
    for (const auto& one : services->as_array()) {
        if (one.at("name") != service.name.c_str()) continue;
        const auto& protocol = one.at("protocol");
        if (protocol == service.protocol.c_str() || protocol == "any") return one.as_object();
    }
    return {};
}

/// Only sockets that are not where they should be are asked for: there may be very many others.
Result<json::array> sockets_of(const std::string& socket, const ServiceView& service,
                               const BackendView& backend) {
    auto list = get_object(socket, "/sockets?service=" + percent_encoded(service.name) +
                                       "&backend=" + percent_encoded(backend.name));
    if (!list) return list.error();
    auto& sockets = list->at("sockets").as_array();
    const auto others = std::remove_if(sockets.begin(), sockets.end(), [&](const json::value& one) {
        return one.at("protocol") != service.protocol.c_str();
    });
    sockets.erase(others, sockets.end());
    return std::move(sockets);
}

Result<Facts> gather(const std::string& socket, const ServiceView& service) {
    Facts facts{.service = service, .settings = {}, .events = {}, .sockets = {}};
    if (const auto config = get_object(socket, "/config")) facts.settings = settings_of(*config, service);
    const auto events = get_object(socket, "/events?service=" + percent_encoded(service.name));
    if (!events) return events.error();
    for (const auto& event : events->at("events").as_array())
        if (is_about(event.as_object(), service)) facts.events.push_back(event.as_object());
    for (const auto& backend : service.backends) {
        if (backend.open_sockets == 0 || (backend.serves() && !backend.waiting && !backend.stuck)) continue;
        auto sockets = sockets_of(socket, service, backend);
        if (!sockets) return sockets.error();
        facts.sockets[backend.name] = std::move(*sockets);
    }
    return facts;
}

json::object as_json(const Facts& facts, const json::object& status, SystemTime now) {
    json::object body, sockets;
    for (const auto& one : status.at("services").as_array())
        if (one.at("name") == facts.service.name.c_str() &&
            one.at("protocol") == facts.service.protocol.c_str())
            body["service"] = one;
    for (const auto& [backend, list] : facts.sockets) sockets[backend] = list;
    body["settings"] = facts.settings;
    body["events"] = json::array(facts.events.begin(), facts.events.end());
    body["sockets"] = std::move(sockets);
    body["explanation"] = explain_text(facts, now, 0, false);
    return body;
}

Result<std::string> explain(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return socket.error();
    const auto status = get_object(*socket, "/status");
    if (!status) return status.error();
    const auto services = services_called(read_status(*status), options.service);
    if (!services) return services.error();
    const auto now = std::chrono::system_clock::now();
    json::array all;
    std::string text;
    for (const auto& service : *services) {
        const auto facts = gather(*socket, service);
        if (!facts) return facts.error();
        if (options.output == Output::json)
            all.emplace_back(as_json(*facts, *status, now));
        else
            text += (text.empty() ? "" : "\n") + explain_text(*facts, now, terminal_width(), use_colours());
    }
    if (options.output == Output::table) return text;
    return json::serialize(json::object{{"explained", std::move(all)}}) + "\n";
}

int run(const Options& options) {
    return show(options, [&] { return explain(options); });
}

}  // namespace

Command explain_command() {
    return {.name = "explain",
            .group = group::kLook,
            .summary = "Explain a service's state and what to do about it",
            .flags =
                [](Flags& f) {
                    f.service("Name of the service", true);
                    f.instance();
                    f.watch();
                    f.output();
                },
            .help = "Example:\n  reseat explain postgres",
            .run = run};
}

}  // namespace reseat::proxy
