// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/kernel_data_plane.hpp"
#include "lb/model.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

namespace CLI {
class App;
}

namespace reseat::proxy {

enum class Output { table, json };

/// Which events: those after one of them, or after a moment.
struct Since {
    std::optional<std::uint64_t> id;
    std::optional<std::chrono::system_clock::time_point> at;
};

/// The command line, checked. What a subcommand does not take stays at its default.
struct Options {
    std::string command;
    std::string config;    ///< path of the configuration
    std::string cgroup;    ///< absolute, or relative to the cgroup2 mount; empty: not given
    pid_t pid = 0;         ///< 0: not given
    std::string instance;  ///< empty: not given
    std::string admin;     ///< path of the admin socket; empty: not given
    std::string pin;       ///< detach: directory; empty: not given
    std::string service;   ///< empty: not given
    std::string backend;   ///< of `service`; empty: not given
    unsigned weight = 0;   ///< weight: the new one
    bool dry_run = false;
    bool watch = false;   ///< again and again
    bool follow = false;  ///< events: go on with new ones
    Since since;
    bool wait = false;                      ///< drain, ready, maint
    std::optional<Duration> timeout;        ///< of `wait`; nothing: for ever
    bool allow_exec = false;                ///< health checks may run commands
    bool yes = false;                       ///< do not ask
    std::optional<lb::LogLevel> log_level;  ///< wins over the configuration's
    Output output = Output::table;
    std::optional<bpf::Engine> engine;  ///< the only one that may end sockets; for debugging
    std::vector<std::string> child;     ///< exec: CMD ARG...; complete: the words so far
};

/// The command line asked for help or made no sense: print and end.
struct Ended {
    int status = 0;   ///< 0 help or version, 2 usage, 125 usage of exec
    std::string out;  ///< for stdout
    std::string err;  ///< for stderr
};

/// Parses `arguments` (without the program's name); each flag may come from the environment as RESEAT_*
/// instead, the command line wins. Of `exec`, everything after the first `--`, or from the first word that
/// is no flag, is the command and is not looked at.
std::variant<Options, Ended> parse_options(std::vector<std::string> arguments);

/// The command line as CLI11 knows it, with every subcommand, for help and manuals. Parsing it writes to
/// `options`, which must outlive it; only the subcommand `chosen` reads the environment.
std::unique_ptr<CLI::App> command_line(Options& options, const std::string& chosen);

/// "reseat drain [OPTIONS] SERVICE/BACKEND": how a subcommand is written, or reseat itself.
std::string synopsis(const CLI::App& command);

/// Where the admin socket of `instance` is: /run/reseat/INSTANCE/admin.sock.
std::string default_admin_socket(const std::string& instance);

}  // namespace reseat::proxy
