// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/instance/client.hpp"
#include "proxy/show/lists_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

constexpr int kFailed = 1;

std::string target(const Options& options) {
    std::string target = "/events" + query_for(options);
    const auto add = [&](const std::string& field) {
        target += (target.find('?') == std::string::npos ? "?" : "&") + field;
    };
    if (options.since.id) add("since=" + std::to_string(*options.since.id));
    if (options.follow) add("follow=1");
    return target;
}

/// A moment is compared here: the instance only knows numbers.
bool is_wanted(const json::object& event, const Since& since) {
    const auto at = parse_iso8601(std::string(event.at("at").as_string()));
    return !since.at || !at || *at >= *since.at;
}

int list(const std::string& socket, const Options& options) {
    auto body = get_object(socket, target(options));
    if (!body) return fail(body.error());
    auto& events = body->at("events").as_array();
    const auto unwanted = std::remove_if(events.begin(), events.end(), [&](const json::value& event) {
        return !is_wanted(event.as_object(), options.since);
    });
    events.erase(unwanted, events.end());
    if (options.output == Output::json) {
        write_out(json::serialize(*body) + "\n");
        return 0;
    }
    for (const auto& event : events) write_out(event_text(event.as_object(), use_colours()));
    if (events.empty()) std::fputs("reseat: no events\n", stderr);
    return 0;
}

int follow(const std::string& socket, const Options& options) {
    const auto print = [&](std::string_view line) {
        if (line.empty()) return;
        const auto event = json::parse(line).as_object();
        if (!is_wanted(event, options.since)) return;
        const std::string text =
            options.output == Output::json ? std::string(line) + "\n" : event_text(event, use_colours());
        if (!write_out(text)) throw std::runtime_error("cannot write");
    };
    const auto reply = admin_follow(socket, target(options), print);
    if (std::ferror(stdout) != 0) return kFailed;  // main says why
    if (!reply) return fail(reply.error());
    if (reply->status != 200) return fail(error_of(*reply, socket));
    return fail({ErrorCode::failed, "the instance at " + socket + " has stopped"});
}

int run(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return fail(socket.error());
    return options.follow ? follow(*socket, options) : list(*socket, options);
}

}  // namespace

Command events_command() {
    return {.name = "events",
            .group = group::kLook,
            .summary = "Print past events, oldest first",
            .flags =
                [](Flags& f) {
                    f.target("Print only events of this service or backend", false);
                    f.events();
                    f.instance();
                    f.output();
                },
            .help =
                "An instance keeps its last 1,000 events. With -f, JSON output has one event per line and "
                "ends when\n"
                "the instance stops.\n\n"
                "Example:\n  reseat events --since 1h\n  reseat events -f postgres -o json | jq .message",
            .run = run};
}

}  // namespace reseat::proxy
