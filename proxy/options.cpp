// SPDX-License-Identifier: Apache-2.0
#include "proxy/options.hpp"

#include "proxy/commands/command.hpp"
#include "proxy/flags.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <sstream>

namespace reseat::proxy {
namespace {

constexpr int kUsage = 2;

/// Arguments are called by what they are: SERVICE/BACKEND, FILE.
class HelpFormatter : public CLI::Formatter {
public:
    HelpFormatter() { label("Positionals", "Arguments"); }

    std::string make_usage(const CLI::App* app, std::string /*name*/) const override {
        return "Usage: " + synopsis(*app) + "\n";
    }
    std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n"; }
    std::string make_option_name(const CLI::Option* option, bool positional) const override {
        return positional ? option->get_type_name() : CLI::Formatter::make_option_name(option, positional);
    }
    std::string make_option_opts(const CLI::Option* option) const override {
        std::string text = option->get_positional() || option->get_items_expected_max() == 0
                               ? ""
                               : " " + option->get_type_name();
        if (option->get_required()) text += " (required)";
        return option->get_envname().empty() ? text : text + " (" + option->get_envname() + ")";
    }
};

/// Everything after the first "--" belongs to exec's command, whatever it looks like; what is to be completed
/// comes in the same way.
std::vector<std::string> cut_child(std::vector<std::string>& arguments) {
    if (arguments.front() != "exec" && arguments.front() != "complete") return {};
    const auto mark = std::ranges::find(arguments, "--");
    if (mark == arguments.end()) return {};
    std::vector<std::string> child(mark + 1, arguments.end());
    arguments.erase(mark, arguments.end());
    return child;
}

bool exists(const std::string& command) {
    return std::ranges::find(all_commands(), command, &Command::name) != all_commands().end();
}

Ended usage(const std::string& what) {
    return {kUsage, {}, "reseat: " + what + "; see reseat --help\n"};
}

}  // namespace

std::unique_ptr<CLI::App> command_line(Options& options, const std::string& chosen) {
    auto app = std::make_unique<CLI::App>(
        "A load balancer inside connect(): no proxy in the data path, and clients of a dead\n"
        "backend are told at once.",
        "reseat");
    app->set_version_flag("--version", "reseat " RESEAT_VERSION);
    app->require_subcommand(1);
    app->formatter(std::make_shared<HelpFormatter>());
    app->footer(
        "`reseat COMMAND --help` has an example. Every flag is also an environment variable: "
        "RESEAT_CONFIG...\n"
        "Exit status: 0 done, 1 failed, 2 usage, 3 invalid configuration, 4 kernel feature, capability\n"
        "or mount missing.");
    for (const Command& command : all_commands()) {
        const std::string name(command.name);
        auto* added = app->add_subcommand(name, std::string(command.summary));
        added->group(std::string(command.group))->footer(std::string(command.help));
        Flags flags(*added, options, name == chosen);
        command.flags(flags);
    }
    return app;
}

std::string synopsis(const CLI::App& command) {
    if (command.get_parent() == nullptr) return command.get_name() + " [OPTIONS] COMMAND ...";
    std::string text = "reseat " + command.get_name() + " [OPTIONS]";
    for (const auto* argument :
         command.get_options([](const CLI::Option* option) { return option->get_positional(); }))
        text += argument->get_required() ? " " + argument->get_type_name()
                                         : " [" + argument->get_type_name() + "]";
    return command.get_prefix_command() ? text + " -- CMD [ARG...]" : text;
}

std::variant<Options, Ended> parse_options(std::vector<std::string> arguments) {
    Options options;
    options.command = arguments.empty() ? "" : arguments.front();
    if (options.command.empty()) return usage("no command given");
    if (!options.command.starts_with('-') && !exists(options.command))
        return usage("no such command: " + options.command);
    options.child = cut_child(arguments);
    const auto app = command_line(options, options.command);

    std::ranges::reverse(arguments);  // CLI11 takes them from the back
    try {
        app->parse(arguments);
        const auto rest = app->get_subcommands().front()->remaining();
        options.child.insert(options.child.begin(), rest.begin(), rest.end());
        if (options.command == "exec" && options.child.empty())
            return usage("exec needs a command: reseat exec --config FILE -- CMD ARG...");
    } catch (const CLI::Success& wanted) {
        std::ostringstream out;
        app->exit(wanted, out, out);
        return Ended{0, out.str(), {}};
    } catch (const CLI::ParseError& error) {
        return usage(error.what());
    }
    return options;
}

std::string default_admin_socket(const std::string& instance) {
    return "/run/reseat/" + instance + "/admin.sock";
}

}  // namespace reseat::proxy
