// SPDX-License-Identifier: Apache-2.0
#include "proxy/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
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

std::string check_pid(const std::string& text) {
    pid_t pid = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (fault == std::errc{} && end == text.data() + text.size() && pid > 0) return {};
    return "'" + text + "' is not a process id";
}

const std::map<std::string, Output>& formats() {
    static const std::map<std::string, Output> all = {{"table", Output::table}, {"json", Output::json}};
    return all;
}

std::string check_format(const std::string& text) {
    return formats().contains(text) ? std::string() : "'" + text + "' is neither table nor json";
}

const std::map<std::string, bpf::Engine>& engines() {
    static const std::map<std::string, bpf::Engine> all = {{"tuple", bpf::Engine::tuple},
                                                           {"diag", bpf::Engine::diag},
                                                           {"iterator", bpf::Engine::iterator},
                                                           {"descriptor", bpf::Engine::descriptor}};
    return all;
}

std::string check_engine(const std::string& text) {
    return engines().contains(text) ? std::string()
                                    : "'" + text + "' is none of tuple, diag, iterator, descriptor";
}

/// Adds what several subcommands share, always with the same name, variable and meaning.
class Flags {
public:
    /// Only the subcommand `chosen` reads the environment: CLI11 would let the variables of all the others
    /// overwrite what this one was given.
    Flags(Options& options, std::string chosen) : options_(options), chosen_(std::move(chosen)) {}

    void config(CLI::App& command) {
        auto* flag =
            command.add_option("-c,--config", options_.config, "Configuration file")->type_name("FILE");
        from_environment(command, flag, "RESEAT_CONFIG")->required();
    }
    void config_argument(CLI::App& command) {
        auto* flag = command.add_option("config", options_.config, "Configuration file")->type_name("FILE");
        from_environment(command, flag, "RESEAT_CONFIG")->required();
    }
    void workload(CLI::App& command) {
        auto* cgroup = command.add_option("--cgroup", options_.cgroup,
                                          "Workload's cgroup: a path, absolute or below the cgroup2 mount");
        from_environment(command, cgroup->type_name("PATH"), "RESEAT_CGROUP");
        auto* pid = command.add_option("--pid", options_.pid, "Workload's cgroup: that of this process");
        from_environment(command, pid->type_name("PID"), "RESEAT_PID")->check(check_pid)->excludes(cgroup);
    }
    void instance(CLI::App& command, const std::string& meaning) {
        auto* name = command.add_option("--instance", options_.instance, meaning)->type_name("NAME");
        from_environment(command, name, "RESEAT_INSTANCE")->check(check_instance);
        auto* admin = command.add_option("--admin", options_.admin,
                                         "Admin socket (default: /run/reseat/INSTANCE/admin.sock)");
        from_environment(command, admin->type_name("SOCKET"), "RESEAT_ADMIN");
    }
    void engine(CLI::App& command) {
        auto* engine = command.add_option_function<std::string>(
            "--engine", [this](const std::string& text) { options_.engine = engines().at(text); },
            "For debugging: sockets are ended by this engine only: tuple, diag, iterator or descriptor");
        from_environment(command, engine->type_name("NAME"), "RESEAT_ENGINE")->check(check_engine);
    }
    void output(CLI::App& command) {
        auto* output = command.add_option_function<std::string>(
            "-o,--output", [this](const std::string& text) { options_.output = formats().at(text); },
            "table (the default) or json");
        from_environment(command, output->type_name("FORMAT"), "RESEAT_OUTPUT")->check(check_format);
    }

private:
    CLI::Option* from_environment(const CLI::App& command, CLI::Option* option, const std::string& variable) {
        return command.get_name() == chosen_ ? option->envname(variable) : option;
    }

    Options& options_;
    std::string chosen_;
};

void add_serving_commands(CLI::App& app, Flags& flags) {
    auto* run = app.add_subcommand("run", "Balance a workload's connections until SIGTERM");
    flags.config(*run);
    flags.workload(*run);
    flags.instance(*run, "Name of this instance (default: default)");
    flags.engine(*run);
    run->footer("Example:\n  reseat run --config reseat.yaml --cgroup system.slice/app.service");

    auto* exec = app.add_subcommand("exec", "Run a command behind the load balancer");
    flags.config(*exec);
    flags.instance(*exec, "Name of this instance (default: exec-PID)");
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
        {"run", Command::run},           {"exec", Command::exec},     {"demo", Command::demo},
        {"validate", Command::validate}, {"check", Command::check},   {"doctor", Command::doctor},
        {"version", Command::version},   {"status", Command::status}, {"health", Command::health}};
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
