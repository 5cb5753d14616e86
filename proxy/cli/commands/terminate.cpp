// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/cli/commands/asking.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/show/lists_text.hpp"
#include "proxy/show/terminal.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include <unistd.h>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

std::string open_sockets(std::size_t count) {
    return counted(count, "open socket");
}

bool confirmed(const Options& options, std::size_t sockets) {
    fmt::print("Terminate {} of {}? [y/N] ", open_sockets(sockets), subject(options));
    write_out();
    std::string line;
    return std::getline(std::cin, line) && (line == "y" || line == "Y" || line == "yes");
}

std::uint64_t number(const json::object& report, const char* key) {
    return report.at(key).to_number<std::uint64_t>();
}

int end_them(const std::string& socket, const Options& options) {
    const auto reply = post(socket, path_to(options, "terminate"));
    if (!reply) return fail(reply.error());
    const auto report = json::parse(*reply).as_object();
    const auto failed = number(report, "failed");
    if (options.output == Output::json) {
        write_out(*reply);
    } else {
        const auto duration = std::chrono::microseconds(number(report, "duration_us"));
        fmt::print("{}: {} terminated, {} re-pointed in {}\n", subject(options), number(report, "terminated"),
                   number(report, "repointed"), human(duration));
    }
    if (failed == 0) return 0;
    const auto& why = report.at("first_failure");
    return fail({ErrorCode::failed, fmt::format("{} could not be terminated: {}", open_sockets(failed),
                                                why.is_string() ? why.as_string().c_str() : "unknown")});
}

int run(const Options& options) {
    const auto socket = instance_socket(options);
    if (!socket) return fail(socket.error());
    const auto list = get_object(*socket, "/sockets" + query_for(options));
    if (!list) return fail(list.error());
    const std::size_t count = list->at("sockets").as_array().size();
    if (options.dry_run) {
        if (options.output == Output::json)
            write_out(json::serialize(*list) + "\n");
        else
            write_out(
                fmt::format("{}{} of {} would be terminated\n",
                            sockets_text(list->at("sockets").as_array(), terminal_width(), use_colours()),
                            open_sockets(count), subject(options)));
        return 0;
    }
    if (!options.yes && ::isatty(STDIN_FILENO) == 0)
        return fail(
            {ErrorCode::usage, fmt::format("this would terminate {} of {}; standard input is not a terminal, "
                                           "so add --yes to confirm or --dry-run to list them",
                                           open_sockets(count), subject(options))});
    if (!options.yes && !confirmed(options, count))
        return fail({ErrorCode::failed, "nothing was terminated"});
    return end_them(*socket, options);
}

}  // namespace

Command terminate_command() {
    return {.name = "terminate",
            .group = group::kChange,
            .summary = "Terminate the open sockets of a service or backend now",
            .flags =
                [](Flags& f) {
                    f.target("Service or backend", true);
                    f.confirmation();
                    f.instance();
                    f.output();
                },
            .help =
                "The backend stays in use: clients may connect to it again. Asks for confirmation; needs "
                "--yes if\n"
                "standard input is not a terminal.\n\n"
                "Example:\n  reseat terminate postgres/pg-1 --dry-run",
            .run = run};
}

}  // namespace reseat::proxy
