// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/options.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace reseat::proxy {

/// Adds what several subcommands share, always with the same name, variable and meaning.
class Flags {
public:
    /// Only the subcommand `chosen` reads the environment: CLI11 would let the variables of all the others
    /// overwrite what this one was given.
    Flags(Options& options, std::string chosen) : options_(options), chosen_(std::move(chosen)) {}

    void config(CLI::App& command);
    void config_argument(CLI::App& command);
    void workload(CLI::App& command);
    void instance_name(CLI::App& command, const std::string& meaning);
    /// instance_name() or --admin.
    void instance(CLI::App& command, const std::string& meaning);
    void log_level(CLI::App& command);
    void engine(CLI::App& command);
    /// SERVICE[/BACKEND], an argument.
    CLI::Option* target(CLI::App& command, const std::string& meaning);
    void weight(CLI::App& command);
    void confirmation(CLI::App& command);
    void allow_exec(CLI::App& command);
    void pin(CLI::App& command);
    void output(CLI::App& command);

private:
    CLI::Option* from_environment(const CLI::App& command, CLI::Option* option, const std::string& variable);

    Options& options_;
    std::string chosen_;
};

}  // namespace reseat::proxy
