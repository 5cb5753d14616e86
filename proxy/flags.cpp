// SPDX-License-Identifier: Apache-2.0
#include "proxy/flags.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

namespace reseat::proxy {
namespace {

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

std::string check_target(const std::string& text) {
    const auto slash = text.find('/');
    const bool whole = slash != 0 && slash + 1 != text.size() && !text.empty();
    return whole ? std::string() : "'" + text + "' is not SERVICE or SERVICE/BACKEND";
}

}  // namespace

void Flags::config(CLI::App& command) {
    auto* flag = command.add_option("-c,--config", options_.config, "Configuration file")->type_name("FILE");
    from_environment(command, flag, "RESEAT_CONFIG")->required();
}

void Flags::config_argument(CLI::App& command) {
    auto* flag = command.add_option("config", options_.config, "Configuration file")->type_name("FILE");
    from_environment(command, flag, "RESEAT_CONFIG")->required();
}

void Flags::workload(CLI::App& command) {
    auto* cgroup = command.add_option("--cgroup", options_.cgroup,
                                      "Workload's cgroup: a path, absolute or below the cgroup2 mount");
    from_environment(command, cgroup->type_name("PATH"), "RESEAT_CGROUP");
    auto* pid = command.add_option("--pid", options_.pid, "Workload's cgroup: that of this process");
    from_environment(command, pid->type_name("PID"), "RESEAT_PID")->check(check_pid)->excludes(cgroup);
}

void Flags::instance_name(CLI::App& command, const std::string& meaning) {
    auto* name = command.add_option("--instance", options_.instance, meaning)->type_name("NAME");
    from_environment(command, name, "RESEAT_INSTANCE")->check(check_instance);
}

void Flags::instance(CLI::App& command, const std::string& meaning) {
    instance_name(command, meaning);
    auto* admin = command.add_option("--admin", options_.admin,
                                     "Admin socket (default: /run/reseat/INSTANCE/admin.sock)");
    from_environment(command, admin->type_name("SOCKET"), "RESEAT_ADMIN");
}

void Flags::log_level(CLI::App& command) {
    auto* level = command.add_option_function<std::string>(
        "--log-level", [this](const std::string& text) { options_.log_level = log_levels().at(text); },
        "trace, debug, info, warn or error; wins over the configuration");
    from_environment(command, level->type_name("LEVEL"), "RESEAT_LOG_LEVEL")->check(check_log_level);
}

void Flags::engine(CLI::App& command) {
    auto* engine = command.add_option_function<std::string>(
        "--engine", [this](const std::string& text) { options_.engine = engines().at(text); },
        "For debugging: sockets are ended by this engine only: tuple, diag, iterator or descriptor");
    from_environment(command, engine->type_name("NAME"), "RESEAT_ENGINE")->check(check_engine);
}

CLI::Option* Flags::target(CLI::App& command, const std::string& meaning) {
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

void Flags::weight(CLI::App& command) {
    command.add_option("weight", options_.weight, "0 to 256")->type_name("N")->required();
}

void Flags::confirmation(CLI::App& command) {
    auto* dry = command.add_flag("--dry-run", options_.dry_run, "Only list what would be ended");
    from_environment(command, dry, "RESEAT_DRY_RUN");
    from_environment(command, command.add_flag("--yes", options_.yes, "Do not ask"), "RESEAT_YES");
}

void Flags::allow_exec(CLI::App& command) {
    auto* allow = command.add_flag("--allow-exec", options_.allow_exec,
                                   "Health checks of type exec may run their commands, as this user");
    from_environment(command, allow, "RESEAT_ALLOW_EXEC");
}

void Flags::pin(CLI::App& command) {
    auto* pin = command.add_option("--pin", options_.pin, "Directory (default: /sys/fs/bpf/reseat/INSTANCE)");
    from_environment(command, pin->type_name("DIR"), "RESEAT_PIN");
}

void Flags::output(CLI::App& command) {
    auto* output = command.add_option_function<std::string>(
        "-o,--output", [this](const std::string& text) { options_.output = formats().at(text); },
        "table (the default) or json");
    from_environment(command, output->type_name("FORMAT"), "RESEAT_OUTPUT")->check(check_format);
}

CLI::Option* Flags::from_environment(const CLI::App& command, CLI::Option* option,
                                     const std::string& variable) {
    return command.get_name() == chosen_ ? option->envname(variable) : option;
}

}  // namespace reseat::proxy
