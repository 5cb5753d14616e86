// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/options.hpp"
#include "lb/model.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

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
    std::string source;    ///< resync: empty: all
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

}  // namespace reseat::proxy
