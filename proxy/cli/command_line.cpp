// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/command_line.hpp"

#include "base/nearest_word.hpp"
#include "proxy/cli/commands/command.hpp"
#include "proxy/cli/flags.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace reseat::proxy {
namespace {

constexpr int kUsage = 2;
constexpr int kExecFailed = 125;  // 2 may be CMD's own

using Words = std::vector<std::string>;

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
/// comes in the same way. Nothing: there is no "--".
std::optional<Words> cut_child(Words& arguments) {
    if (arguments.front() != "exec" && arguments.front() != "complete") return std::nullopt;
    const auto mark = std::ranges::find(arguments, "--");
    if (mark == arguments.end()) return std::nullopt;
    Words child(mark + 1, arguments.end());
    arguments.erase(mark, arguments.end());
    return child;
}

/// What was not taken for a flag starts the command, and then a later "--" is one of its words.
Words whole_child(Words begun, const std::optional<Words>& after_mark) {
    if (!begun.empty() && after_mark) begun.emplace_back("--");
    if (after_mark) begun.insert(begun.end(), after_mark->begin(), after_mark->end());
    return begun;
}

bool exists(const std::string& command) {
    return std::ranges::find(all_commands(), command, &Command::name) != all_commands().end();
}

/// Points to the help of `command`, if there is such a command.
Ended usage(const std::string& command, const std::string& what) {
    const std::string see = what.ends_with('?') ? " See" : "; see";
    const std::string help = exists(command) ? command + " --help" : "--help";
    return {command == "exec" ? kExecFailed : kUsage, {}, "reseat: " + what + see + " reseat " + help + "\n"};
}

Ended no_such_command(const std::string& word) {
    std::vector<std::string_view> names;
    for (const auto& command : all_commands())
        if (command.group != group::kHidden) names.push_back(command.name);
    return usage(word, "no such command: " + word + did_you_mean(word, names));
}

/// A word where the configuration file is missing most likely is its path.
bool lacks_config(const CLI::App& command) {
    const auto* config = command.get_option_no_throw("--config");
    return config != nullptr && config->get_required() && config->count() == 0;
}

std::string unexpected(const CLI::App& command, const std::string& word) {
    const std::string text = "unexpected argument: " + word;
    if (!word.starts_with('-') && lacks_config(command))
        return fmt::format("{}; did you mean '--config {}'?", text, word);
    Words flags;
    for (const auto* option : command.get_options())
        for (const auto& name : option->get_lnames()) flags.push_back("--" + name);
    const std::vector<std::string_view> valid(flags.begin(), flags.end());
    return text + did_you_mean(word.substr(0, word.find('=')), valid);
}

/// An unexpected word explains what is missing, so it comes first. Of exec it may be the command.
bool is_unexpected(const CLI::App& command, const CLI::ParseError& error, const Words& rest) {
    if (rest.empty()) return false;
    if (dynamic_cast<const CLI::ExtrasError*>(&error)) return true;
    return dynamic_cast<const CLI::RequiredError*>(&error) &&
           (!command.get_prefix_command() || rest.front().starts_with('-'));
}

/// In the words of the help.
std::string explained(const CLI::App& app, const std::string& first, const CLI::ParseError& error) {
    const auto parsed = app.get_subcommands();
    if (parsed.empty() || first.starts_with('-')) return "the command comes first, then its flags";
    const auto rest = app.remaining(true);
    if (is_unexpected(*parsed.front(), error, rest)) return unexpected(*parsed.front(), rest.front());
    return error.what();
}

}  // namespace

std::unique_ptr<CLI::App> command_line(Options& options, const std::string& chosen) {
    auto app = std::make_unique<CLI::App>(
        "A load balancer inside connect(): no proxy in the data path, and clients of a dead\n"
        "backend are notified at once.",
        "reseat");
    app->set_version_flag("--version", "reseat " RESEAT_VERSION);
    app->require_subcommand(1);
    app->formatter(std::make_shared<HelpFormatter>());
    app->footer(
        "`reseat COMMAND --help` has an example. Every flag can also be set by an environment variable: "
        "RESEAT_CONFIG...\n"
        "Exit status: 0 success, 1 failure, 2 wrong usage, 3 invalid configuration, 4 missing kernel "
        "feature,\n"
        "capability or mount.");
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

std::variant<Options, Ended> parse_options(Words arguments) {
    Options options;
    options.command = arguments.empty() ? "" : arguments.front();
    if (options.command.empty()) return usage("", "no command given");
    if (!options.command.starts_with('-') && !exists(options.command))
        return no_such_command(options.command);
    const auto after_mark = cut_child(arguments);
    const auto app = command_line(options, options.command);

    std::ranges::reverse(arguments);  // CLI11 takes them from the back
    try {
        app->parse(arguments);
    } catch (const CLI::Success& wanted) {
        std::ostringstream out;
        app->exit(wanted, out, out);
        return Ended{0, out.str(), {}};
    } catch (const CLI::ParseError& error) {
        return usage(options.command, explained(*app, options.command, error));
    }
    const auto* command = app->get_subcommands().front();
    const auto rest = command->remaining();
    if (!rest.empty() && rest.front().starts_with('-'))
        return usage(options.command, unexpected(*command, rest.front()));
    options.child = whole_child(rest, after_mark);
    if (options.command == "exec" && options.child.empty())
        return usage(options.command, "exec needs a command: reseat exec --config FILE -- CMD ARG...");
    return options;
}

}  // namespace reseat::proxy
