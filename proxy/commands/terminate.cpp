// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/client.hpp"
#include "proxy/admin/url.hpp"
#include "proxy/commands/commands.hpp"
#include "proxy/terminal.hpp"
#include "proxy/text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include <unistd.h>

namespace reseat::proxy {
namespace {

namespace json = boost::json;

std::string subject(const Options& options) {
    return options.backend.empty() ? options.service : options.service + "/" + options.backend;
}

std::string counted(std::size_t sockets) {
    return fmt::format("{} open socket{}", sockets, sockets == 1 ? "" : "s");
}

bool confirmed(const Options& options, std::size_t sockets) {
    fmt::print("End {} of {}? [y/N] ", counted(sockets), subject(options));
    std::fflush(stdout);
    std::string line;
    return std::getline(std::cin, line) && (line == "y" || line == "Y" || line == "yes");
}

std::string path(const Options& options) {
    std::string path = "/services/" + percent_encoded(options.service);
    if (!options.backend.empty()) path += "/backends/" + percent_encoded(options.backend);
    return path + "/terminate";
}

std::uint64_t number(const json::object& report, const char* key) {
    return report.at(key).to_number<std::uint64_t>();
}

int end_them(const std::string& socket, const Options& options) {
    const auto reply = admin_post(socket, path(options));
    if (!reply) return fail(reply.error());
    if (reply->status != 200) return fail(error_of(*reply, socket));
    const auto report = json::parse(reply->body).as_object();
    const auto failed = number(report, "failed");
    if (options.output == Output::json) {
        std::fputs(reply->body.c_str(), stdout);
    } else {
        const auto duration = std::chrono::microseconds(number(report, "duration_us"));
        fmt::print("{}: {} terminated, {} re-pointed in {}\n", subject(options), number(report, "terminated"),
                   number(report, "repointed"), human(duration));
    }
    if (failed == 0) return 0;
    const auto& why = report.at("first_failure");
    return fail({lb::ErrorCode::failed, fmt::format("{} could not be ended: {}", counted(failed),
                                                    why.is_string() ? why.as_string().c_str() : "unknown")});
}

}  // namespace

int terminate_command(const Options& options) {
    const auto socket = find_admin_socket(options.admin, options.instance);
    if (!socket) return fail(socket.error());
    const auto list = list_sockets(*socket, options);
    if (!list) return fail(list.error());
    const std::size_t count = list->at("sockets").as_array().size();
    if (options.dry_run) {
        print_sockets(*list, options.output);
        if (options.output == Output::table)
            fmt::print("{} of {} would be ended\n", counted(count), subject(options));
        return 0;
    }
    if (!options.yes && ::isatty(STDIN_FILENO) == 0)
        return fail(
            {lb::ErrorCode::usage, fmt::format("this would end {} of {}; nobody is there to be asked, "
                                               "so add --yes to do it or --dry-run to look",
                                               counted(count), subject(options))});
    if (!options.yes && !confirmed(options, count)) return fail({lb::ErrorCode::failed, "nothing was ended"});
    return end_them(*socket, options);
}

}  // namespace reseat::proxy
