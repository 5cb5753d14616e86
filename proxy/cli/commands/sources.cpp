// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "base/url.hpp"
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/cli/watch.hpp"
#include "proxy/show/status_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

Cell state_of(const SourceView& source, SystemTime now) {
    if (source.state == "synced") return {"synced " + age(source.heard_at, now) + " ago", Colour::good};
    if (source.state == "starting") return {"not heard yet", Colour::warning};
    return {fmt::format("stale for {}: {}", age(source.since, now), source.error.value_or("")), Colour::bad};
}

struct Counts {
    std::uint64_t ready = 0, leaving = 0, unready = 0, held = 0;
};

/// Of all references that a source has.
Counts counts_of(const StatusView& status, const std::string& name) {
    Counts all;
    for (const ServiceView& service : status.services)
        for (const ReferenceView& one : service.sources) {
            // "kubernetes db" has "kubernetes db/postgres".
            if (one.source != name && !one.source.starts_with(name + "/")) continue;
            all.ready += one.ready;
            all.leaving += one.leaving;
            all.unready += one.unready;
            all.held += one.held;
        }
    return all;
}

std::string as_table(const StatusView& status, SystemTime now) {
    Table table({{"NAME", false, true},
                 {"STATE", false, true},
                 {"REFS", true},
                 {"READY", true},
                 {"LEAVING", true},
                 {"UNREADY", true},
                 {"HELD", true},
                 {"EVENTS", true},
                 {"LISTS", true},
                 {"VERSION"}});
    for (const SourceView& source : status.sources) {
        const Counts counts = counts_of(status, source.name);
        table.add({source.name, state_of(source, now), std::to_string(source.refs),
                   std::to_string(counts.ready), std::to_string(counts.leaving),
                   std::to_string(counts.unready), std::to_string(counts.held),
                   std::to_string(source.events_total), std::to_string(source.relists_total),
                   source.version.value_or("-")});
    }
    return table.render(terminal_width(), use_colours());
}

int run(const Options& options) {
    return show(options, [&]() -> Result<std::string> {
        const auto status = get_object(options, "/status");
        if (!status) return status.error();
        if (options.output == Output::json)
            return json::serialize(json::object{{"sources", status->at("sources")}}) + "\n";
        if (status->at("sources").as_array().empty())
            return std::string("no source: the configuration has none\n");
        return as_table(read_status(*status), std::chrono::system_clock::now());
    });
}

int resync(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return fail(socket.error());
    const std::string which = options.source.empty() ? "" : "?source=" + percent_encoded(options.source);
    const auto reply = post(*socket, "/sources/resync" + which);
    if (!reply) return fail(reply.error());
    return 0;
}

}  // namespace

Command sources_command() {
    return {.name = "sources",
            .group = group::kLook,
            .summary = "List the sources of backends and how they are",
            .flags =
                [](Flags& f) {
                    f.instance();
                    f.watch();
                    f.output();
                },
            .help =
                "STATE: synced, not heard yet, or stale and why. LISTS: how often all was asked for anew.\n\n"
                "Example:\n  reseat sources",
            .run = run};
}

Command resync_command() {
    return {.name = "resync",
            .group = group::kChange,
            .summary = "Ask a source of backends, or all of them, anew",
            .flags =
                [](Flags& f) {
                    f.source("Name of the source, as reseat sources shows it");
                    f.instance();
                },
            .help = "Example:\n  reseat resync \"kubernetes db\"",
            .run = resync};
}

}  // namespace reseat::proxy
