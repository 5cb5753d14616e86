// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/status.hpp"
#include "proxy/cli/command_line.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/completion.hpp"
#include "proxy/cli/flags.hpp"
#include "proxy/instance/client.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace reseat::proxy {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(500);  ///< a user has pressed a key

/// What `flag` is given among the words, else by the environment.
std::string value_of(const std::vector<std::string>& words, const std::string& flag, const char* variable) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] == flag) return words[i + 1];
        if (words[i].starts_with(flag + "=")) return words[i].substr(flag.size() + 1);
    }
    const char* value = std::getenv(variable);
    return value == nullptr ? "" : value;
}

std::vector<ServiceView> services(const std::vector<std::string>& words) {
    const auto socket = find_admin_socket(value_of(words, "--admin", "RESEAT_ADMIN"),
                                          value_of(words, "--instance", "RESEAT_INSTANCE"));
    if (!socket) return {};
    const auto reply = admin_get(*socket, "/status", kPatience);
    if (!reply || reply->status != 200) return {};
    return read_status(boost::json::parse(reply->body).as_object()).services;
}

RunningNames running_names(const std::vector<std::string>& words) {
    const auto sorted = [](std::vector<std::string> names) {
        std::ranges::sort(names);
        // protocol: any is two of one name.
        names.erase(std::unique(names.begin(), names.end()), names.end());
        return names;
    };
    return {.instances =
                [] {
                    std::vector<std::string> names;
                    for (const auto& instance : running_instances()) names.push_back(instance.name);
                    return names;
                },
            .services =
                [=] {
                    std::vector<std::string> names;
                    for (const auto& service : services(words)) names.push_back(service.name);
                    return sorted(std::move(names));
                },
            .backends =
                [=] {
                    std::vector<std::string> names;
                    for (const auto& service : services(words))
                        for (const auto& backend : service.backends)
                            names.push_back(service.name + "/" + backend.name);
                    return sorted(std::move(names));
                }};
}

/// A shell that completes wants words or nothing.
int run(const Options& options) try {
    Options unused;
    const auto line = command_line(unused, "");
    for (const auto& word : completions(*line, options.child, running_names(options.child)))
        std::puts(word.c_str());
    return 0;
} catch (const std::exception&) {
    return 0;
}

}  // namespace

Command complete_command() {
    return {.name = "complete",
            .group = group::kHidden,
            .summary = "Print completions for a shell",
            .flags = [](Flags&) {},
            .help = "Example:\n  reseat complete -- drain post",
            .run = run};
}

}  // namespace reseat::proxy
