// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/cli/options.hpp"

#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace reseat::proxy {

/// Adds what several subcommands share to one of them, always with the same name, variable and meaning.
/// What a flag takes is its type name: words of which one is to be chosen ("table|json"), or a kind of thing
/// (FILE, PATH, DIR, SOCKET, NAME of an instance, SERVICE/BACKEND ...), as completion knows it.
class Flags {
public:
    /// Only the subcommand that was chosen reads the environment: CLI11 would let the variables of all the
    /// others overwrite what this one was given.
    Flags(CLI::App& command, Options& options, bool chosen)
        : command_(command), options_(options), chosen_(chosen) {}

    void config();
    void config_argument();
    void workload();
    /// --instance alone.
    void instance_name(const std::string& meaning);
    /// The instance that is to be asked: --instance or --admin.
    void instance();
    /// The instance that begins, with the name that it has where none is given.
    void new_instance(const std::string& by_default);
    void log_level();
    void engine();
    /// An argument: SERVICE, SERVICE/BACKEND or SERVICE[/BACKEND], and whether it must be there.
    void service(const std::string& meaning, bool required);
    void backend(const std::string& meaning);
    void target(const std::string& meaning, bool required);
    /// What comes after the first word that is no flag is not looked at.
    void child();
    /// An argument that may be left out: the name of a source.
    void source(const std::string& meaning);
    void weight();
    void confirmation();
    void allow_exec();
    void pin();
    void output();
    void watch();
    void events();
    /// --wait and --timeout.
    void waiting(const std::string& until);

private:
    CLI::Option* from_environment(CLI::Option* option, const std::string& variable);
    void admin(const std::string& meaning);
    void argument(const std::string& type, const std::string& meaning, bool required);

    CLI::App& command_;
    Options& options_;
    bool chosen_;
};

}  // namespace reseat::proxy
