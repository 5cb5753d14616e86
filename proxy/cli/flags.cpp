// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/flags.hpp"

#include "base/text.hpp"
#include "config/values.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>
#include <vector>

namespace reseat::proxy {
namespace {

constexpr std::size_t kMaxInstanceName = 64;

std::string check_instance(const std::string& name) {
    const bool plain = std::ranges::all_of(
        name, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
    if (plain && !name.empty() && name.size() <= kMaxInstanceName && name.front() != '.') return {};
    return "an instance name is 1 to 64 letters, digits, '-', '_' or '.', and does not start with '.'";
}

template <class T>
bool is_number(const std::string& text, T& number) {
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    return fault == std::errc{} && end == text.data() + text.size();
}

std::string check_pid(const std::string& text) {
    pid_t pid = 0;
    return is_number(text, pid) && pid > 0 ? std::string() : "'" + text + "' is not a process id";
}

/// As the configuration allows.
std::string check_weight(const std::string& text) {
    constexpr unsigned most = 256;
    unsigned weight = 0;
    return is_number(text, weight) && weight <= most ? std::string()
                                                     : "'" + text + "' is not a whole number from 0 to 256";
}

std::string check_duration(const std::string& text) {
    return config::duration_in(text) ? std::string() : "'" + text + "' is not a duration such as 90s or 5m";
}

Since since(const std::string& text) {
    Since since;
    std::uint64_t id = 0;
    if (is_number(text, id))
        since.id = id;
    else if (const auto ago = config::duration_in(text))
        since.at = std::chrono::system_clock::now() -
                   std::chrono::duration_cast<std::chrono::system_clock::duration>(*ago);
    else
        since.at = parse_iso8601(text);
    return since;
}

std::string check_since(const std::string& text) {
    const Since read = since(text);
    if (read.id || read.at) return {};
    return "'" + text +
           "' is not a duration such as 10m, a time such as 2026-11-22T15:00:00Z or the id of an event";
}

template <class T>
using Words = std::vector<std::pair<std::string, T>>;

const Words<Output> kFormats = {{"table", Output::table}, {"json", Output::json}};
const Words<lb::LogLevel> kLogLevels = {{"trace", lb::LogLevel::trace},
                                        {"debug", lb::LogLevel::debug},
                                        {"info", lb::LogLevel::info},
                                        {"warn", lb::LogLevel::warn},
                                        {"error", lb::LogLevel::error}};
const Words<bpf::Engine> kEngines = {{"tuple", bpf::Engine::tuple},
                                     {"diag", bpf::Engine::diag},
                                     {"iterator", bpf::Engine::iterator},
                                     {"descriptor", bpf::Engine::descriptor}};

template <class T>
std::string joined(const Words<T>& words, const char* separator) {
    std::vector<std::string> names;
    for (const auto& [name, value] : words) names.push_back(name);
    return fmt::format("{}", fmt::join(names, separator));
}

/// An option that takes one of `words`, and says so in its type name; they must live as long as it.
template <class T, class Into>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, const Words<T>& words, Into& into,
                        const std::string& meaning) {
    const auto find = [&words](const std::string& text) {
        return std::ranges::find(words, text, &std::pair<std::string, T>::first);
    };
    auto* option = command.add_option_function<std::string>(
        flag, [find, &into](const std::string& text) { into = find(text)->second; }, meaning);
    return option->type_name(joined(words, "|"))->check([&words, find](const std::string& text) {
        return find(text) != words.end() ? std::string() : "'" + text + "' is none of " + joined(words, ", ");
    });
}

}  // namespace

void Flags::config() {
    auto* flag = command_.add_option("-c,--config", options_.config, "Configuration file")->type_name("FILE");
    from_environment(flag, "RESEAT_CONFIG")->required();
}

void Flags::config_argument() {
    auto* flag = command_.add_option("FILE", options_.config, "Configuration file")->type_name("FILE");
    from_environment(flag, "RESEAT_CONFIG")->required();
}

void Flags::workload() {
    auto* cgroup = command_.add_option("--cgroup", options_.cgroup,
                                       "Cgroup of the workload: a path, absolute or below the cgroup2 mount");
    from_environment(cgroup->type_name("PATH"), "RESEAT_CGROUP");
    auto* pid = command_.add_option("--pid", options_.pid, "Balance the cgroup of this process");
    from_environment(pid->type_name("PID"), "RESEAT_PID")->check(check_pid)->excludes(cgroup);
}

void Flags::instance_name(const std::string& meaning) {
    auto* name = command_.add_option("--instance", options_.instance, meaning)->type_name("NAME");
    from_environment(name, "RESEAT_INSTANCE")->check(check_instance);
}

void Flags::instance() {
    instance_name("Name of the instance (default: the only one running)");
    admin("Path of its admin socket (default: /run/reseat/INSTANCE/admin.sock)");
}

void Flags::new_instance(const std::string& by_default) {
    instance_name("Name of this instance (default: " + by_default + ")");
    admin(
        "Admin socket (default: of --instance if given, else admin.socket, else "
        "/run/reseat/INSTANCE/admin.sock)");
}

void Flags::admin(const std::string& meaning) {
    auto* admin = command_.add_option("--admin", options_.admin, meaning);
    from_environment(admin->type_name("SOCKET"), "RESEAT_ADMIN");
}

void Flags::log_level() {
    from_environment(add_choice(command_, "--log-level", kLogLevels, options_.log_level,
                                "Log only this level and above; overrides the configuration"),
                     "RESEAT_LOG_LEVEL");
}

void Flags::engine() {
    from_environment(add_choice(command_, "--engine", kEngines, options_.engine,
                                "Terminate sockets with this engine only (for debugging)"),
                     "RESEAT_ENGINE");
}

void Flags::service(const std::string& meaning, bool required) {
    argument("SERVICE", meaning, required);
}

void Flags::backend(const std::string& meaning) {
    argument("SERVICE/BACKEND", meaning, true);
}

void Flags::target(const std::string& meaning, bool required) {
    argument("SERVICE[/BACKEND]", meaning, required);
}

void Flags::argument(const std::string& type, const std::string& meaning, bool required) {
    const auto take = [&options = options_](const std::string& text) {
        const auto slash = text.find('/');
        options.service = text.substr(0, slash);
        if (slash != std::string::npos) options.backend = text.substr(slash + 1);
    };
    const auto check = [type](const std::string& text) {
        const auto slash = text.find('/');
        const bool has_backend = slash != std::string::npos;
        const bool whole = slash != 0 && slash + 1 != text.size() && !text.empty();
        const bool fits = has_backend ? type != "SERVICE" : type != "SERVICE/BACKEND";
        return whole && fits ? std::string() : "'" + text + "' does not have this form";
    };
    command_.add_option_function<std::string>(type, take, meaning)
        ->type_name(type)
        ->check(check)
        ->required(required);
}

void Flags::child() {
    command_.prefix_command();
}

void Flags::source(const std::string& meaning) {
    command_.add_option("SOURCE", options_.source, meaning)->type_name("");
}

void Flags::weight() {
    command_
        .add_option_function<std::string>(
            "N", [&into = options_.weight](const std::string& text) { is_number(text, into); },
            "New weight, 0 to 256")
        ->type_name("N")
        ->check(check_weight)
        ->required();
}

void Flags::confirmation() {
    auto* dry = command_.add_flag("--dry-run", options_.dry_run, "List the sockets that would be terminated");
    from_environment(dry, "RESEAT_DRY_RUN");
    from_environment(command_.add_flag("--yes", options_.yes, "Do not ask for confirmation"), "RESEAT_YES");
}

void Flags::allow_exec() {
    auto* allow = command_.add_flag("--allow-exec", options_.allow_exec,
                                    "Allow health checks of type exec to run commands as this user");
    from_environment(allow, "RESEAT_ALLOW_EXEC");
}

void Flags::pin() {
    auto* pin = command_.add_option("--pin", options_.pin,
                                    "Directory of the pins (default: /sys/fs/bpf/reseat/INSTANCE)");
    from_environment(pin->type_name("DIR"), "RESEAT_PIN");
}

void Flags::output() {
    from_environment(
        add_choice(command_, "-o,--output", kFormats, options_.output, "Print a table (the default) or JSON"),
        "RESEAT_OUTPUT");
}

void Flags::watch() {
    auto* watch = command_.add_flag("-w,--watch", options_.watch,
                                    "Refresh every second until Ctrl-C, in place on a terminal");
    from_environment(watch, "RESEAT_WATCH");
}

void Flags::events() {
    from_environment(
        command_.add_flag("-f,--follow", options_.follow, "Print new events as they occur, until Ctrl-C"),
        "RESEAT_FOLLOW");
    auto* after = command_.add_option_function<std::string>(
        "--since", [&into = options_.since](const std::string& text) { into = since(text); },
        "Print only events since: 10m (ago), 2026-11-22T15:00:00Z, or 17 (after that event)");
    from_environment(after->type_name("WHEN"), "RESEAT_SINCE")->check(check_since);
}

void Flags::waiting(const std::string& until) {
    auto* wait = command_.add_flag("--wait", options_.wait, "Wait until " + until);
    from_environment(wait, "RESEAT_WAIT");
    auto* timeout = command_.add_option_function<std::string>(
        "--timeout",
        [&into = options_.timeout](const std::string& text) { into = config::duration_in(text); },
        "Wait at most this long, such as 90s or 5m (default: no limit)");
    from_environment(timeout->type_name("DURATION"), "RESEAT_TIMEOUT")->check(check_duration)->needs(wait);
}

CLI::Option* Flags::from_environment(CLI::Option* option, const std::string& variable) {
    return chosen_ ? option->envname(variable) : option;
}

}  // namespace reseat::proxy
