// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/kernel_data_plane.hpp"
#include "lb/model.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

namespace reseat::proxy {

enum class Command {
    run,
    exec,
    demo,
    validate,
    check,
    doctor,
    version,
    status,
    health,
    reload,
    sockets,
    terminate,
    weight,
    detach
};
enum class Output { table, json };

/// The command line, checked. What a subcommand does not take stays at its default.
struct Options {
    Command command = Command::version;
    std::string config;    ///< path of the configuration
    std::string cgroup;    ///< absolute, or relative to the cgroup2 mount; empty: not given
    pid_t pid = 0;         ///< 0: not given
    std::string instance;  ///< empty: not given
    std::string admin;     ///< path of the admin socket; empty: not given
    std::string pin;       ///< detach: directory; empty: not given
    std::string service;   ///< sockets, terminate, weight; empty: not given
    std::string backend;   ///< of `service`; empty: not given
    unsigned weight = 0;   ///< weight: the new one
    bool dry_run = false;
    bool allow_exec = false;                ///< health checks may run commands
    bool yes = false;                       ///< do not ask
    std::optional<lb::LogLevel> log_level;  ///< wins over the configuration's
    Output output = Output::table;
    std::optional<bpf::Engine> engine;  ///< the only one that may end sockets; for debugging
    std::vector<std::string> child;     ///< exec: CMD ARG...
};

/// The command line asked for help or made no sense: print and end.
struct Ended {
    int status = 0;   ///< 0 help or version, 2 usage
    std::string out;  ///< for stdout
    std::string err;  ///< for stderr
};

/// Parses `arguments` (without the program's name); each flag may come from the environment as RESEAT_*
/// instead, the command line wins. Of `exec`, everything after the first `--`, or from the first word that
/// is no flag, is the command and is not looked at.
std::variant<Options, Ended> parse_options(std::vector<std::string> arguments);

/// Where the admin socket of `instance` is: /run/reseat/INSTANCE/admin.sock.
std::string default_admin_socket(const std::string& instance);

}  // namespace reseat::proxy
