// SPDX-License-Identifier: Apache-2.0
#include "proxy/options.hpp"

#include "proxy/flags.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <sstream>

namespace reseat::proxy {
namespace {

constexpr int kUsage = 2;

void add_serving_commands(CLI::App& app, Flags& flags) {
    auto* run = app.add_subcommand("run", "Balance a workload's connections until SIGTERM");
    flags.config(*run);
    flags.workload(*run);
    flags.instance(*run, "Name of this instance (default: default)");
    flags.allow_exec(*run);
    flags.log_level(*run);
    flags.engine(*run);
    run->footer(
        "SIGHUP reloads the configuration, as does a change of its file. SIGTERM ends: what is pinned goes\n"
        "on balancing unless on_exit says otherwise. SIGINT (Ctrl-C) ends and detaches.\n\n"
        "Example:\n  reseat run --config reseat.yaml --cgroup system.slice/app.service");

    auto* exec = app.add_subcommand("exec", "Run a command behind the load balancer");
    flags.config(*exec);
    flags.instance(*exec, "Name of this instance (default: exec-PID)");
    flags.allow_exec(*exec);
    flags.log_level(*exec);
    flags.engine(*exec);
    exec->prefix_command();
    exec->footer(
        "CMD starts in a cgroup of its own once the backends were checked for the first time. Signals are\n"
        "passed on to it. When it ends, what it left running gets SIGTERM and, 2 seconds later, SIGKILL.\n"
        "Exit status: CMD's (128 + N when signal N ended it), 125 reseat failed, 126 CMD cannot be run,\n"
        "127 CMD was not found.\n\n"
        "Example:\n  reseat exec --config reseat.yaml -- psql -h 10.96.0.10");

    auto* demo = app.add_subcommand("demo", "Show what happens when a backend's machine vanishes");
    flags.output(*demo);
    demo->footer(
        "Takes no configuration: makes two hosts as network namespaces and clients of four kinds, with and\n"
        "without reseat, and takes one host away. Needs root; takes less than 10 seconds; leaves nothing.\n"
        "Exit status 0: clients with reseat went on, those without hung.\n\n"
        "Example:\n  sudo reseat demo");
}

void add_inspecting_commands(CLI::App& app, Flags& flags) {
    auto* validate = app.add_subcommand("validate", "Check a configuration; needs no privilege");
    flags.config_argument(*validate);
    validate->footer("Exit status: 0 valid, 3 invalid.\n\nExample:\n  reseat validate reseat.yaml");

    auto* check = app.add_subcommand("check", "Probe every backend once; needs no privilege");
    flags.config_argument(*check);
    flags.allow_exec(*check);
    flags.output(*check);
    check->footer("Exit status: 0 all pass, 1 otherwise.\n\nExample:\n  reseat check reseat.yaml");

    auto* doctor = app.add_subcommand("doctor", "Try what this machine allows, feature by feature");
    flags.output(*doctor);
    doctor->footer(
        "Exit status: 0 reseat can run, 4 something required is missing.\n\n"
        "Example:\n  sudo reseat doctor");

    auto* status = app.add_subcommand("status", "Show a running instance's services and backends");
    flags.instance(*status, "Instance to ask (default: the only one running)");
    flags.output(*status);
    status->footer("Example:\n  reseat status\n  reseat status -o json | jq '.services[].eligible'");

    auto* health = app.add_subcommand("health", "Exit status 0 when an instance is ready");
    flags.instance(*health, "Instance to ask (default: the only one running)");
    health->footer(
        "Ready: programs are attached and every backend was checked once.\n\n"
        "Example:\n  reseat health --instance default");

    auto* version = app.add_subcommand("version", "Print the version");
    flags.output(*version);
    version->footer("Example:\n  reseat version -o json");
}

void add_changing_commands(CLI::App& app, Flags& flags) {
    auto* reload = app.add_subcommand("reload", "Read the configuration again and say what changed");
    flags.instance(*reload, "Instance to ask (default: the only one running)");
    flags.output(*reload);
    reload->footer(
        "All or nothing: an invalid file changes nothing. Exit status: 0 reloaded, 3 the file is invalid.\n\n"
        "Example:\n  reseat reload");

    auto* sockets = app.add_subcommand("sockets", "List the open sockets that are balanced");
    flags.target(*sockets, "Only those of this service or backend");
    flags.instance(*sockets, "Instance to ask (default: the only one running)");
    flags.output(*sockets);
    sockets->footer("Example:\n  reseat sockets postgres/pg-1");

    auto* terminate = app.add_subcommand("terminate", "End the open sockets of a service or backend now");
    flags.target(*terminate, "Whose sockets")->required();
    flags.confirmation(*terminate);
    flags.instance(*terminate, "Instance to ask (default: the only one running)");
    flags.output(*terminate);
    terminate->footer(
        "The backend stays in use: clients may connect to it again. Asks first; needs --yes where standard\n"
        "input is no terminal.\n\n"
        "Example:\n  reseat terminate postgres/pg-1 --dry-run");

    auto* weight = app.add_subcommand("weight", "Give a backend another weight");
    flags.target(*weight, "Which one: SERVICE/BACKEND")->required();
    flags.weight(*weight);
    flags.instance(*weight, "Instance to ask (default: the only one running)");
    flags.output(*weight);
    weight->footer(
        "Holds until a reload gives the backend another weight than before. With 0 it gets no new\n"
        "connections, and its open ones drain as on_drain says.\n\n"
        "Example:\n  reseat weight postgres/pg-1 5");

    auto* detach = app.add_subcommand("detach", "Remove what a killed instance left pinned");
    flags.instance_name(*detach, "Instance that was killed (default: default)");
    flags.pin(*detach);
    detach->footer(
        "Connections that are open stay as they are; new ones are not balanced any more. Refused while the\n"
        "instance lives.\n\n"
        "Example:\n  sudo reseat detach --instance default");
}

/// Everything after the first "--" belongs to exec's command, whatever it looks like.
std::vector<std::string> cut_child(std::vector<std::string>& arguments) {
    if (arguments.empty() || arguments.front() != "exec") return {};
    const auto mark = std::ranges::find(arguments, "--");
    if (mark == arguments.end()) return {};
    std::vector<std::string> child(mark + 1, arguments.end());
    arguments.erase(mark, arguments.end());
    return child;
}

const std::map<std::string, Command>& commands() {
    static const std::map<std::string, Command> all = {
        {"run", Command::run},           {"exec", Command::exec},       {"demo", Command::demo},
        {"validate", Command::validate}, {"check", Command::check},     {"doctor", Command::doctor},
        {"version", Command::version},   {"status", Command::status},   {"health", Command::health},
        {"reload", Command::reload},     {"sockets", Command::sockets}, {"terminate", Command::terminate},
        {"weight", Command::weight},     {"detach", Command::detach}};
    return all;
}

Ended usage(const std::string& what) {
    return {kUsage, {}, "reseat: " + what + "; see reseat --help\n"};
}

}  // namespace

std::variant<Options, Ended> parse_options(std::vector<std::string> arguments) {
    Options options;
    CLI::App app(
        "A load balancer inside connect(): no proxy in the data path, and clients of a dead\n"
        "backend are told at once.",
        "reseat");
    app.set_version_flag("--version", "reseat " RESEAT_VERSION);
    app.require_subcommand(1);
    app.footer(
        "`reseat COMMAND --help` has an example. Every flag is also an environment variable: "
        "RESEAT_CONFIG...\n"
        "Exit status: 0 done, 1 failed, 2 usage, 3 invalid configuration, 4 kernel feature, capability\n"
        "or mount missing.");
    const std::string chosen = arguments.empty() ? "" : arguments.front();
    if (chosen.empty()) return usage("no command given");
    if (!chosen.starts_with('-') && !commands().contains(chosen)) return usage("no such command: " + chosen);
    options.child = cut_child(arguments);
    Flags flags(options, chosen);
    add_serving_commands(app, flags);
    add_inspecting_commands(app, flags);
    add_changing_commands(app, flags);

    std::ranges::reverse(arguments);  // CLI11 takes them from the back
    try {
        app.parse(arguments);
        const CLI::App* command = app.get_subcommands().front();
        options.command = commands().at(command->get_name());
        const auto rest = command->remaining();
        options.child.insert(options.child.begin(), rest.begin(), rest.end());
        if (options.command == Command::exec && options.child.empty())
            return usage("exec needs a command: reseat exec --config FILE -- CMD ARG...");
    } catch (const CLI::Success& wanted) {
        std::ostringstream out;
        app.exit(wanted, out, out);
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
