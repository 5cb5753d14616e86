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

const std::map<std::string, lb::LogLevel>& log_levels() {
    static const std::map<std::string, lb::LogLevel> all = {{"trace", lb::LogLevel::trace},
                                                            {"debug", lb::LogLevel::debug},
                                                            {"info", lb::LogLevel::info},
                                                            {"warn", lb::LogLevel::warn},
                                                            {"error", lb::LogLevel::error}};
    return all;
}

std::string check_log_level(const std::string& text) {
    return log_levels().contains(text) ? std::string()
                                       : "'" + text + "' is none of trace, debug, info, warn, error";
}

std::string check_target(const std::string& text) {
    const auto slash = text.find('/');
    const bool whole = slash != 0 && slash + 1 != text.size() && !text.empty();
    return whole ? std::string() : "'" + text + "' is not SERVICE or SERVICE/BACKEND";
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
    void instance_name(CLI::App& command, const std::string& meaning) {
        auto* name = command.add_option("--instance", options_.instance, meaning)->type_name("NAME");
        from_environment(command, name, "RESEAT_INSTANCE")->check(check_instance);
    }
    void instance(CLI::App& command, const std::string& meaning) {
        instance_name(command, meaning);
        auto* admin = command.add_option("--admin", options_.admin,
                                         "Admin socket (default: /run/reseat/INSTANCE/admin.sock)");
        from_environment(command, admin->type_name("SOCKET"), "RESEAT_ADMIN");
    }
    void log_level(CLI::App& command) {
        auto* level = command.add_option_function<std::string>(
            "--log-level", [this](const std::string& text) { options_.log_level = log_levels().at(text); },
            "trace, debug, info, warn or error; wins over the configuration");
        from_environment(command, level->type_name("LEVEL"), "RESEAT_LOG_LEVEL")->check(check_log_level);
    }
    /// SERVICE[/BACKEND].
    CLI::Option* target(CLI::App& command, const std::string& meaning) {
        auto* target = command.add_option_function<std::string>(
            "target",
            [this](const std::string& text) {
                const auto slash = text.find('/');
                options_.service = text.substr(0, slash);
                if (slash != std::string::npos) options_.backend = text.substr(slash + 1);
            },
            meaning);
        return target->type_name("SERVICE[/BACKEND]")->check(check_target);
    }
    void confirmation(CLI::App& command) {
        auto* dry = command.add_flag("--dry-run", options_.dry_run, "Only list what would be ended");
        from_environment(command, dry, "RESEAT_DRY_RUN");
        from_environment(command, command.add_flag("--yes", options_.yes, "Do not ask"), "RESEAT_YES");
    }
    void pin(CLI::App& command) {
        auto* pin =
            command.add_option("--pin", options_.pin, "Directory (default: /sys/fs/bpf/reseat/INSTANCE)");
        from_environment(command, pin->type_name("DIR"), "RESEAT_PIN");
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
    flags.log_level(*run);
    run->footer(
        "SIGHUP reloads the configuration, as does a change of its file. SIGTERM ends: what is pinned goes\n"
        "on balancing unless on_exit says otherwise. SIGINT (Ctrl-C) ends and detaches.\n\n"
        "Example:\n  reseat run --config reseat.yaml --cgroup system.slice/app.service");

    auto* exec = app.add_subcommand("exec", "Run a command behind the load balancer");
    flags.config(*exec);
    flags.instance(*exec, "Name of this instance (default: exec-PID)");
    flags.log_level(*exec);
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
        {"detach", Command::detach}};
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
