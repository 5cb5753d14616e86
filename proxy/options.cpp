// SPDX-License-Identifier: Apache-2.0
#include "proxy/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <sstream>

namespace reseat::proxy {
namespace {

constexpr int kUsage = 2;
constexpr std::size_t kMaxInstanceName = 64;

std::string check_instance(const std::string& name) {
    const bool plain = std::ranges::all_of(
        name, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
    if (plain && !name.empty() && name.size() <= kMaxInstanceName && name.front() != '.') return {};
    return "an instance name is 1 to 64 letters, digits, '-', '_' or '.', and does not start with '.'";
}

/// Adds what several subcommands share, always with the same name, variable and meaning.
class Flags {
public:
    explicit Flags(Options& options) : options_(options) {}

    void config(CLI::App& command) {
        command.add_option("-c,--config", options_.config, "Configuration file")
            ->envname("RESEAT_CONFIG")->required()->type_name("FILE");
    }
    void config_argument(CLI::App& command) {
        command.add_option("config", options_.config, "Configuration file")
            ->envname("RESEAT_CONFIG")->required()->type_name("FILE");
    }
    void workload(CLI::App& command) {
        auto* cgroup = command.add_option("--cgroup", options_.cgroup,
                                          "Workload's cgroup: a path, absolute or below the cgroup2 mount");
        cgroup->envname("RESEAT_CGROUP")->type_name("PATH");
        command.add_option("--pid", options_.pid, "Workload's cgroup: that of this process")
            ->envname("RESEAT_PID")->check(CLI::PositiveNumber)->excludes(cgroup)->type_name("PID");
    }
    void instance(CLI::App& command, const std::string& meaning) {
        command.add_option("--instance", options_.instance, meaning)
            ->envname("RESEAT_INSTANCE")->check(check_instance)->type_name("NAME");
        command.add_option("--admin", options_.admin,
                           "Admin socket (default /run/reseat/INSTANCE/admin.sock)")
            ->envname("RESEAT_ADMIN")->type_name("SOCKET");
    }
    void output(CLI::App& command) {
        static const std::map<std::string, Output> formats = {{"table", Output::table},
                                                              {"json", Output::json}};
        command.add_option("-o,--output", options_.output, "table or json")
            ->envname("RESEAT_OUTPUT")->transform(CLI::CheckedTransformer(formats))->type_name("FORMAT");
    }

private:
    Options& options_;
};

void add_serving_commands(CLI::App& app, Flags& flags) {
    auto* run = app.add_subcommand("run", "Balance a workload's connections until SIGTERM");
    flags.config(*run);
    flags.workload(*run);
    flags.instance(*run, "Name of this instance (default: default)");
    run->footer("Example:\n  reseat run --config reseat.yaml --cgroup system.slice/app.service");

    auto* exec = app.add_subcommand("exec", "Run a command behind the load balancer");
    flags.config(*exec);
    flags.instance(*exec, "Name of this instance (default: exec-PID)");
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
    flags.output(*check);
    check->footer("Exit status: 0 all pass, 1 otherwise.\n\nExample:\n  reseat check reseat.yaml");

    auto* doctor = app.add_subcommand("doctor", "Try what this machine allows, feature by feature");
    flags.output(*doctor);
    doctor->footer("Exit status: 0 reseat can run, 4 something required is missing.\n\n"
                   "Example:\n  sudo reseat doctor");

    auto* status = app.add_subcommand("status", "Show a running instance's services and backends");
    flags.instance(*status, "Instance to ask (default: the only one running)");
    flags.output(*status);
    status->footer("Example:\n  reseat status\n  reseat status -o json | jq '.services[].eligible'");

    auto* health = app.add_subcommand("health", "Exit status 0 when an instance is ready");
    flags.instance(*health, "Instance to ask (default: the only one running)");
    health->footer("Ready: programs are attached and every backend was checked once.\n\n"
                   "Example:\n  reseat health --instance default");

    auto* version = app.add_subcommand("version", "Print the version");
    flags.output(*version);
    version->footer("Example:\n  reseat version -o json");
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

Command command_of(const std::string& name) {
    static const std::map<std::string, Command> commands = {
        {"run", Command::run},           {"exec", Command::exec},     {"demo", Command::demo},
        {"validate", Command::validate}, {"check", Command::check},   {"doctor", Command::doctor},
        {"version", Command::version},   {"status", Command::status}, {"health", Command::health}};
    return commands.at(name);
}

}  // namespace

std::variant<Options, Ended> parse_options(std::vector<std::string> arguments) {
    Options options;
    CLI::App app("A load balancer inside connect(): no proxy in the data path, and clients of a dead\n"
                 "backend are told at once.",
                 "reseat");
    app.set_version_flag("--version", "reseat " RESEAT_VERSION);
    app.require_subcommand(1);
    app.footer("`reseat COMMAND --help` has an example of each. Flags are also environment variables: RESEAT_CONFIG, ...\n"
               "Exit status: 0 done, 1 failed, 2 usage, 3 invalid configuration, 4 kernel feature or\n"
               "capability missing.");
    Flags flags(options);
    add_serving_commands(app, flags);
    add_inspecting_commands(app, flags);

    options.child = cut_child(arguments);
    std::ranges::reverse(arguments);  // CLI11 takes them from the back
    try {
        app.parse(arguments);
        const CLI::App* command = app.get_subcommands().front();
        options.command = command_of(command->get_name());
        const auto rest = command->remaining();
        options.child.insert(options.child.begin(), rest.begin(), rest.end());
        if (options.command == Command::exec && options.child.empty())
            return Ended{kUsage, {}, "reseat: exec needs a command: reseat exec --config FILE -- CMD ARG...\n"};
    } catch (const CLI::Success& wanted) {
        std::ostringstream out;
        app.exit(wanted, out, out);
        return Ended{0, out.str(), {}};
    } catch (const CLI::ParseError& error) {
        return Ended{kUsage, {}, std::string("reseat: ") + error.what() + "; see reseat --help\n"};
    }
    return options;
}

std::string default_admin_socket(const std::string& instance) {
    return "/run/reseat/" + instance + "/admin.sock";
}

}  // namespace reseat::proxy
